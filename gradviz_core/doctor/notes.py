"""What is worth a note although every gradient that can come does: tensors that get no ``.grad``, and parameters that
no optimizer is told of."""

from __future__ import annotations

from gradviz_core.doctor.examination import Given, Pass
from gradviz_core.doctor.flow import any_edge
from gradviz_core.doctor.report import Found, finding, owner
from gradviz_core.doctor.way_back import Slopes
from gradviz_core.doctor.words import listed
from gradviz_core.types.findings import Cause

_REPAIRS: dict[Cause, str] = {
    "no_leaf": "{name}.retain_grad()  # keeps its gradient, although it is not a leaf\n# or make it a leaf: then it "
    "is trained itself, and the tensors before it are not:\n{name} = {name}.detach().requires_grad_()",
    "frozen": "{name}.requires_grad_()",
}
"""For a tensor that has a name in the author's code; \"argument 0\" of a partial function has none."""


def of_what_is_given(done: Pass) -> list[Found]:
    """Tensors that go into the loss through a closure, a default or a global: those that are no leaves; and, where
    nothing that is reached learns, those of a plain function that do not require a gradient."""
    goes_in = done.record.flow.before([done.loss_number], any_edge)
    used = {name: one for name, one in done.given.items() if one.number in goes_in}
    found = [_of(done, "no_leaf", name, one) for name, one in used.items() if one.trains and not one.kept]
    if done.parameters or any(one.trains for one in used.values()):
        return found
    constant = {name: one for name, one in used.items() if one.floating and one.of_model}
    return [_of(done, "frozen", name, one) for name, one in constant.items()]


def _of(done: Pass, cause: Cause, name: str, one: Given) -> Found:
    repair = "" if " " in name else _REPAIRS[cause].format(name=name)
    return finding(cause, "note", done.record.first_use.get(one.number), [name], where=name, repair=repair)


def unregistered(done: Pass, back: Slopes) -> list[Found]:
    """Parameters that get a gradient and that ``parameters()`` does not list, as one finding."""
    names = [name for name in done.loose if done.trains[name] and back.states[name] in ("finite", "zero")]
    if not names:
        return []
    first = done.record.first_use.get(done.numbers[names[0]])
    more = f"Affected: {listed(names)}."
    return [finding("unregistered", "note", first, where=owner(names[0]), more=more)]
