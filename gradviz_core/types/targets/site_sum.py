"""The sum of everything a site holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.sites import in_words
from gradviz_core.types.subjects import Site
from gradviz_core.types.target import Block, OfSite, Program


@dataclass(frozen=True, slots=True)
class SiteSum(OfSite):
    """Sum of everything a site holds."""

    site: Site
    kind: Literal["sum"] = field(default="sum", repr=False)

    def words(self, labels: Sequence[str]) -> str:
        """``the sum of layer1``."""
        return f"the sum of {in_words(self.site)}"

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``\textstyle\sum a``."""
        return r"\textstyle\sum a"

    def named(self) -> str:
        """``the sum of layer1``."""
        return f"the sum of {in_words(self.site)}"

    def code(self, program: Program) -> Block:
        """All numbers."""
        return Block((f"score = {program.value(self.site)}.sum()",))
