"""The words and tables of the doctor's page. What comes from a file is shown as text."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core.doctor import verdicts
from gradviz_core.drawing.captions import number_text, share_text
from gradviz_core.text.shown_text import cell_text, visible
from gradviz_core.types import DiagnosisAnswer, ProofQuestion
from gradviz_core.types.findings import Cause, Diagnosis, Finding, LayerReport, LeafReport, Level, Proof
from gradviz_core.types.sites import ordinal
from pages.layout.frame import ScoredChoice
from pages.scores import choosing
from pages.shell import asking, facts
from pages.shell.asking import ask
from pages.shell.parameters import Parameter
from pages.shell.words import explained, plain

PARAMETERS = (Parameter("check", within=("image", *(each.name for each in choosing.PARAMETERS))),)
MOST_FINDINGS, MOST_ROWS, MOST_NAMES, FEW_NAMES, LONGEST_NAME = 50, 300, 200, 7, 120

_LEVELS: dict[Level, str] = {"broken": "Broken", "partial": "Weakened", "note": "Note"}
_CAUSES: dict[Cause, str] = {
    "detach": "a value is detached",
    "no_grad": "recording is switched off",
    "no_create_graph": "a derivative that cannot be differentiated again",
    "no_way_back": "a path that ends",
    "hook": "a hook changes the gradient",
    "zero_factor": "a factor that is zero",
    "flat_loss": "a flat loss",
    "cancels": "paths that cancel out",
    "integer": "a value is cast to integers",
    "non_differentiable": "an operation without a derivative",
    "zero_derivative": "a derivative that is zero",
    "rewrapped": "values leave PyTorch and come back without a graph",
    "in_place_leaf": "a leaf is modified in place",
    "in_place_needed": "a value that the backward pass needs is overwritten",
    "frozen": "parameters are frozen",
    "no_leaf": "a tensor whose .grad stays None",
    "unregistered": "parameters that are not registered",
    "unused": "parameters that the score does not depend on",
    "dead": "dead units",
    "saturated": "saturated units",
    "not_finite": "NaN or infinity",
    "vanishing": "gradients vanish",
    "exploding": "gradients explode",
}
_GRADIENTS = {"none": "none", "zero": "zero", "finite": "finite", "not_finite": "not finite"}

DIRECTIONS = 3
DOING = "Comparing with finite differences in float64 …"
ABOUT_THE_CHECK = (
    "The derivative of the score along three random directions d, by automatic differentiation and by finite "
    "differences, (f(x + h d) − f(x − h d)) / 2h, in float64. If the two differ, the gradient does not belong to the "
    "function that the model computes."
)


def numbers(answer: DiagnosisAnswer, labels: tuple[str, ...]) -> tuple[tuple[str, str] | facts.Score, ...]:
    """The score, and how much was looked at."""
    found = answer.diagnosis
    return (
        facts.score(answer.target, labels, number_text(found.loss, 4)),
        ("operation" if found.operations == 1 else "operations", f"{found.operations:,}"),
        ("input" if len(found.leaves) == 1 else "inputs and parameters", f"{len(found.leaves):,}"),
    )


def verdict(found: Diagnosis) -> None:
    """In one sentence, whether anything is wrong."""
    count = len(found.findings)
    if not count and found.without:
        st.warning(
            f"No cause was found, but {len(found.without)} of {len(found.leaves):,} get no useful gradient. The "
            "table below lists them.",
            icon=":material/warning:",
        )
        return
    if not count:
        st.success(
            "No problems found: the input and every parameter get a finite gradient.", icon=":material/check_circle:"
        )
        return
    notes = sum(finding.level == "note" for finding in found.findings)
    several = "finding" if count == 1 else "findings"
    order = "" if count == 1 else ", in order of execution"
    meant = " If this is intended, nothing is wrong." if notes == count else ""
    text = f"{count} {several}{order}.{meant}"
    if notes == count:
        st.info(text)
    else:
        st.warning(text, icon=":material/warning:")
    if count > MOST_FINDINGS:
        st.caption(f"The first {MOST_FINDINGS} are shown.")


def show(number: int, finding: Finding) -> None:
    """One finding: what, where, what it does to which parameters, and the repair."""
    if number > MOST_FINDINGS:
        return
    st.header(f"{number}. {_LEVELS[finding.level]}: {_CAUSES[finding.cause]}", anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.markdown(f":gray[at] **{plain(finding.where[:LONGEST_NAME])}**")
        if finding.line:
            st.code(_code(f"{finding.at[:LONGEST_NAME]}\n{finding.text}"), language=None, wrap_lines=True)
        st.markdown(explained(finding.sentence))
        _names("No useful gradient", finding.lost)
        _names("One of several paths is missing", finding.weakened)
    with right:
        st.caption("Repair")
        st.code(_code(finding.repair), language="python", wrap_lines=True)


def _code(text: str) -> str:
    """Lines of code, whatever stands in them made visible."""
    return "\n".join(map(visible, text.split("\n")))


def _names(title: str, names: Sequence[str]) -> None:
    if names:
        shown = [visible(name[:LONGEST_NAME]) for name in names[:MOST_NAMES]]
        more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
        st.caption(f"{title} ({len(names)})")
        st.code("\n".join([*shown, *more]), language=None, height=220 if len(names) > FEW_NAMES else "content")


def units(layers: Sequence[LayerReport]) -> None:
    """How many units of each activation function let no gradient through."""
    if not layers:
        return
    with st.expander("Units that pass no gradient, by layer", expanded=True):
        st.dataframe(
            {
                "layer": [cell_text(_which(layer)) for layer in layers[:MOST_ROWS]],
                "function": [cell_text(layer.function) for layer in layers[:MOST_ROWS]],
                "dead or saturated": [share_text(layer.share) for layer in layers[:MOST_ROWS]],
                "units": [layer.units for layer in layers[:MOST_ROWS]],
                "positions examined": [layer.places for layer in layers[:MOST_ROWS]],
            },
            hide_index=True,
            alt="Share of dead or saturated units of each activation function, in order of execution",
        )
        st.caption(
            "A ReLU unit counts as dead if it is zero at every position of this image; a value of a sigmoid or tanh "
            "counts as saturated if its derivative is below 0.001. For units with a single position, one image says "
            "little."
        )
        _cut(layers)


def _which(layer: LayerReport) -> str:
    name = layer.where[:LONGEST_NAME]
    return f"{name}, {ordinal(layer.call)} call" if layer.calls > 1 else name


def gradients(leaves: Sequence[LeafReport]) -> None:
    """Results to the input and to each parameter."""
    with st.expander("Gradient of the input and of every parameter"):
        st.dataframe(
            {
                "name": [cell_text(leaf.name[:LONGEST_NAME]) for leaf in leaves[:MOST_ROWS]],
                "shape": ["×".join(map(str, leaf.shape)) for leaf in leaves[:MOST_ROWS]],
                "gradient": [_GRADIENTS[leaf.gradient] for leaf in leaves[:MOST_ROWS]],
                "L2 norm": [number_text(leaf.norm, 4) for leaf in leaves[:MOST_ROWS]],
            },
            hide_index=True,
            alt="Whether the input and each parameter got a gradient, and its L2 norm",
        )
        _cut(leaves)


def _cut(rows: Sequence[object]) -> None:
    if len(rows) > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS} of {len(rows):,} are shown.")


# ----------------------------------------------------------------------------------------------------------- the proof


def check(choice: ScoredChoice) -> Proof:
    """The derivative along three directions, one asked for after the other: a large model takes a minute for each."""
    progress = asking.progress().progress(0.0, DOING)
    found = []
    for seed in range(DIRECTIONS):
        question = ProofQuestion(
            model=choice.model, image=choice.image, target=choice.target, directions=1, seed=choice.draw + seed
        )
        found.append(ask(question, DOING).proof)
        progress.progress((seed + 1) / DIRECTIONS, f"{seed + 1} of {DIRECTIONS} directions")
    progress.empty()
    return verdicts.proof([one for proof in found for one in proof.directions], found[0].score)


def show_proof(found: Proof) -> None:
    """The verdict, and the numbers that it rests on."""
    if found.outcome == "agrees":
        st.success(plain(found.verdict), icon=":material/check_circle:")
    elif found.outcome == "apart":
        st.error(plain(found.verdict), icon=":material/error:")
    else:
        st.info(plain(found.verdict))
    steps = [(number, one, step) for number, one in enumerate(found.directions, 1) for step in one.steps]
    st.dataframe(
        {
            "direction": [number for number, _, _ in steps],
            "automatic": [number_text(one.derivative, 9) for _, one, _ in steps],
            "step h": [f"{step.h:.0e}" for _, _, step in steps],
            "finite difference": [number_text(step.difference, 9) for _, _, step in steps],
            "relative error": [f"{step.error:.1e}" for _, _, step in steps],
            "rounding error": [f"{one.noise(step):.1e}" for _, one, step in steps],
        },
        hide_index=True,
        alt="Derivatives by automatic differentiation and by finite differences, for each direction and step",
    )
    st.caption(
        "Directions are drawn from a normal distribution and scaled to the norm of the image; h is relative to it. A "
        "large h crosses kinks and a very small one loses digits, so a value in between works best. Both the error "
        "and the part of it that rounding can explain are relative to the larger of the two numbers."
    )
