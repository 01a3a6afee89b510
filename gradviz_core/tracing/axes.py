"""What the axes of a value mean, and which of them holds the channels, inferred from one operation after another.

An axis consists of *parts*, each with a size and a *role*. A permutation moves axes, a reshape splits and joins them,
and the parts keep their roles. So what one operation shows about a role holds for every value with that role, earlier
or later.

Where operations contradict each other, the first one counts. ``axis_rules.py`` says what each operation shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Said = tuple[int, int]
"""How weak a statement is (0 is the strongest), then when it was made. The smaller one counts."""
STRONG, WEAK = 0, 1


@dataclass(slots=True, eq=False)
class Role:
    """What one part of an axis counts. Two that turn out to count the same are united."""

    said: Said | None = None
    """That these are channels; None where nothing said so."""
    whole: Role | None = None
    """The role that it is a piece of, where a reshape cut that in two."""
    pieces: dict[tuple[int, int], tuple[Role, Role]] = field(default_factory=dict)
    """By the size that was cut, and the size of the first piece."""
    same: Role | None = None
    """Where this role was united with another one: what stands for both."""


@dataclass(slots=True)
class Part:
    """Some or all of an axis."""

    size: int
    role: Role


Axis = tuple[Part, ...]
"""Its parts, the slowest first."""
Axes = tuple[Axis, ...]


def find(role: Role) -> Role:
    """The role that stands for all that it was united with."""
    while role.same is not None:
        if role.same.same is not None:
            role.same = role.same.same
        role = role.same
    return role


def unite(first: Role, second: Role) -> None:
    """From now on the two are one."""
    one, other = find(first), find(second)
    if one is other:
        return
    other.same = one
    one.said = earliest((one.said, other.said))
    one.whole = one.whole or other.whole
    for cut, pieces in other.pieces.items():
        mine = one.pieces.setdefault(cut, pieces)
        for a, b in zip(mine, pieces, strict=True):
            unite(a, b)


def earliest(statements: Iterable[Said | None]) -> Said | None:
    """The statement that counts."""
    return min((said for said in statements if said is not None), default=None)


def unknown(shape: Sequence[int]) -> Axes:
    """Axes of which nothing is known."""
    return tuple((Part(size, Role()),) for size in shape)


def size_of(axis: Axis) -> int:
    """How many entries an axis has."""
    return math.prod(part.size for part in axis)


# ------------------------------------------------------------------------------------------------------------- reshapes


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """The axes after a reshape. Axes that are cut and joined again, in whatever steps, are what they were before.

    An axis of size 1 stays where there is one in its place. Of axes that share their entries in a way that no cut
    gives, as 3×2 laid out anew as 2×3, nothing is known.
    """
    if 0 in shape:
        return unknown(shape)
    left = [part for axis in reversed(axes) for part in reversed(axis)]
    found: list[Axis] = []
    while len(found) < len(shape):
        before = list(left)
        taken = _take(left, shape[len(found)])
        if taken is not None:
            found.append(_joined(taken))
        else:
            left = before
            found.extend(unknown(shape[len(found) :][: _mixed(left, shape[len(found) :])]))
    return tuple(found)


def _mixed(left: list[Part], shape: Sequence[int]) -> int:
    """How many of the next axes hold as many entries as the next parts, which are taken off, do."""
    count, axes, parts = 0, 1, 1
    while count == 0 or axes != parts:
        if axes <= parts:
            axes *= shape[count]
            count += 1
        else:
            parts *= left.pop().size
    return count


def _take(left: list[Part], size: int) -> list[Part] | None:
    """The next parts that hold ``size`` entries together; None where there are none."""
    if size == 1:
        return [left.pop()] if left and left[-1].size == 1 else [Part(1, Role())]
    taken: list[Part] = []
    while size > 1:
        while left[-1].size == 1:
            left.pop()
        part = left.pop()
        if part.size > size and part.size % size == 0:
            part, rest = _cut(part, size)
            left.append(rest)
        if size % part.size:
            return None
        taken.append(part)
        size //= part.size
    return taken


def _cut(part: Part, first: int) -> tuple[Part, Part]:
    role = find(part.role)
    cut = part.size, first
    if cut not in role.pieces:
        role.pieces[cut] = Role(whole=role), Role(whole=role)
    one, other = role.pieces[cut]
    return Part(first, one), Part(part.size // first, other)


def _joined(parts: Sequence[Part]) -> Axis:
    """The parts, with pieces that lie side by side as they were cut put together again."""
    joined: list[Part] = []
    for part in parts:
        joined.append(part)
        while len(joined) > 1 and (whole := _whole(*joined[-2:])) is not None:
            joined[-2:] = [whole]
    return tuple(joined)


def _whole(one: Part, other: Part) -> Part | None:
    role = find(one.role).whole
    size = one.size * other.size
    pieces = find(role).pieces.get((size, one.size)) if role is not None else None
    if role is None or pieces is None:
        return None
    fits = find(pieces[0]) is find(one.role) and find(pieces[1]) is find(other.role)
    return Part(size, find(role)) if fits else None


# ------------------------------------------------------------------------------------------------------------- channels


class Statements:
    """Everything that operations showed about channels."""

    def __init__(self) -> None:
        self.now = 0
        self._of_joined: list[tuple[Axis, Said]] = []
        self._by_key: dict[tuple[tuple[int, int], ...], Said] = {}

    def said_of(self, axis: Axis) -> Said | None:
        """What was said of the axis as a whole."""
        if len(axis) == 1:
            return find(axis[0].role).said
        return self._by_key.get(_key(axis))

    def counts_channels(self, axis: Axis) -> bool:
        """Whether the axis, or what it was cut from, was said to count channels; of an axis that was joined from
        several, that each of them was."""
        return self.said_of(axis) is not None or all(_said_or_inherited(part.role) for part in axis)

    def say(self, axes: Axes, at: int, weakness: int = STRONG) -> None:
        """An operation takes axis ``at`` to count channels; nothing happens where another axis is known to already."""
        if self.other_than(axes, at) is None:
            self.note(axes[at], (weakness, self.now))

    def other_than(self, axes: Axes, at: int) -> int | None:
        """An axis other than ``at`` that was strongly said to count channels, or a part of which was."""
        strong = (i for i, axis in enumerate(axes) if i != at and self._is_said_within(axis))
        return next(strong, None)

    def _is_said_within(self, axis: Axis) -> bool:
        said = (self.said_of(axis), *(find(part.role).said for part in axis))
        return any(one is not None and one[0] == STRONG for one in said)

    def note(self, axis: Axis, said: Said | None) -> None:
        """The statement holds of this axis."""
        if said is None:
            return
        if len(axis) == 1:
            role = find(axis[0].role)
            role.said = earliest((role.said, said))
        else:
            self._of_joined.append((axis, said))
            self._by_key.setdefault(_key(axis), said)

    def tie(self, one: Axis, other: Axis) -> None:
        """The two axes count the same."""
        if len(one) == len(other) == 1:
            unite(one[0].role, other[0].role)
        elif (said := self.said_of(one)) is not None:
            self.note(other, said)
        else:
            self.note(one, self.said_of(other))

    def resized(self, axis: Axis, size: int) -> Axis:
        """An axis that counts the same, but has ``size`` entries."""
        if len(axis) == 1:
            return axis if axis[0].size == size else (Part(size, axis[0].role),)
        if size_of(axis) == size:
            return axis
        said = self.said_of(axis)
        if said is None and self.counts_channels(axis):
            said = (STRONG, self.now)
        return (Part(size, Role(said)),)

    def settle(self) -> None:
        """The pass is over: roles that were united since count as one in axes that were joined from several, too."""
        self._by_key = {}
        for axis, said in self._of_joined:
            key = _key(axis)
            self._by_key[key] = min(self._by_key.get(key, said), said)

    def channel_axis(self, axes: Axes) -> int | None:
        """The channel axis; None where no operation shows it.

        It is the one of which it was said first; else the only one that is made of pieces of channels alone. Where
        channels were joined with places, or lie on several axes, as in the heads of attention, nothing tells.
        """
        said = {i: statement for i, axis in enumerate(axes) if (statement := self.said_of(axis)) is not None}
        if said:
            first = min(said.values())
            return _only([i for i, statement in said.items() if statement == first])
        return _only([i for i, axis in enumerate(axes) if self.counts_channels(axis)])


def _only(axes: Sequence[int]) -> int | None:
    return axes[0] if len(axes) == 1 else None


def _said_or_inherited(role: Role) -> bool:
    at: Role | None = find(role)
    while at is not None:
        if at.said is not None:
            return True
        at = find(at.whole) if at.whole is not None else None
    return False


def _key(axis: Axis) -> tuple[tuple[int, int], ...]:
    return tuple((part.size, id(find(part.role))) for part in axis)
