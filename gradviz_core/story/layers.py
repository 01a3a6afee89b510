"""Find layers by their kind, so that a view works with any convolutional network."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.story.told import claim
from gradviz_core.types import SiteInfo, SurveyAnswer


def rectified(survey: SurveyAnswer) -> tuple[SiteInfo, ...]:
    """The outputs of ReLUs and their relatives that are maps, in order of execution.

    Raises:
        NotSo: there are none.
    """
    found = tuple(info for info in survey.sites if info.kind.startswith("ReLU") and is_map(info))
    claim(bool(found), "a network has ReLUs whose outputs are maps")
    return found


def before(survey: SurveyAnswer, info: SiteInfo) -> SiteInfo:
    """The value of the same shape right before a layer.

    Raises:
        NotSo: there is none.
    """
    number = survey.sites.index(info)
    claim(number > 0 and survey.sites[number - 1].shape == info.shape, "a layer's input can be shown")
    return survey.sites[number - 1]


def is_map(info: SiteInfo) -> bool:
    """Whether a value is maps with rows and columns, (1, C, H, W), of its own."""
    return len(info.shape) == 4 and info.layout == "maps" and min(info.shape[2:]) > 1 and info.same_as is None


def first_of_each_size(sites: Sequence[SiteInfo]) -> tuple[SiteInfo, ...]:
    """The first site of each size of maps, in order of execution."""
    found: dict[tuple[int, ...], SiteInfo] = {}
    for info in sites:
        found.setdefault(info.shape[2:], info)
    return tuple(found.values())


def size_text(info: SiteInfo) -> str:
    """``28×28``."""
    return f"{info.shape[2]}×{info.shape[3]}"
