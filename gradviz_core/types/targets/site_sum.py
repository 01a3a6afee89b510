"""The sum of all entries of a site's value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.sites import site_name
from gradviz_core.types.subjects import Site
from gradviz_core.types.target import Block, OfSite, Program


@dataclass(frozen=True, slots=True)
class SiteSum(OfSite):
    """Sum of all entries of a site's value."""

    site: Site
    kind: Literal["sum"] = field(default="sum", repr=False)

    def words(self, labels: Sequence[str]) -> str:
        """``the sum of layer1``."""
        return f"the sum of {site_name(self.site)}"

    def symbol(self, labels: Sequence[str]) -> str:
        r"""``\textstyle\sum a``."""
        return r"\textstyle\sum a"

    def named(self) -> str:
        """``the sum of layer1``."""
        return f"the sum of {site_name(self.site)}"

    def code(self, program: Program) -> Block:
        """All numbers."""
        return Block((f"score = {program.value(self.site)}.sum()",))
