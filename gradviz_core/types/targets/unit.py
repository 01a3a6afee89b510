"""One unit inside a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.indices import unit_place
from gradviz_core.types.sites import site_name
from gradviz_core.types.subjects import Site
from gradviz_core.types.target import Block, OfSite, Program


@dataclass(frozen=True, slots=True)
class Unit(OfSite):
    """One entry of a site's value: ``value[0][index]``. For maps the index is (channel, row, column), for tokens
    (token, feature), for a vector (feature,)."""

    site: Site
    index: tuple[int, ...]
    kind: Literal["unit"] = field(default="unit", repr=False)

    def words(self, labels: Sequence[str]) -> str:
        """``unit (1, 2, 3) of layer1``."""
        return f"unit {unit_place(self.index)} of {site_name(self.site)}"

    def symbol(self, labels: Sequence[str]) -> str:
        """``a_{1,2,3}``."""
        return f"a_{{{','.join(map(str, self.index))}}}"

    def named(self) -> str:
        """``unit (1, 2, 3) of layer1``."""
        return f"unit {self.index} of {site_name(self.site)}"

    def code(self, program: Program) -> Block:
        """Its place, the batch axis counted."""
        return Block((f"score = {program.value(self.site)}[0, {', '.join(map(str, self.index))}]",))
