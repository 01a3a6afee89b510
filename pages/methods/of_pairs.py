"""Which layer outputs of a model of two images depend on the image that is looked at."""

from __future__ import annotations

from gradviz_core.errors import Unreachable
from gradviz_core.types import GradientQuestion, SiteSum, SurveyAnswer
from gradviz_core.types.subjects import Site
from pages.shell.asking import ask_in_part


def depends(survey: SurveyAnswer, site: Site) -> bool:
    """Whether a layer output depends on the image that is looked at: always, where the model takes one.

    Raises:
        GradVizError: as ``ask_in_part`` does, other than ``Unreachable``.
    """
    asked = survey.question
    if not survey.card.inputs:
        return True
    try:
        ask_in_part(GradientQuestion(model=asked.model, image=asked.image, target=SiteSum(site), seed=asked.seed))
    except Unreachable:
        return False
    return True


def own_call(survey: SurveyAnswer, chosen: str) -> str:
    """A layer output, as an address has it. Where it depends on the image that is held alone, the output of another
    call of the same layer that depends on the one looked at, if there is one.

    Raises:
        GradVizError: as ``depends`` does.
    """
    site = Site.parse(chosen)
    if depends(survey, site):
        return chosen
    others = (info.site for info in survey.sites if info.site.path == site.path and info.site.item == site.item)
    return next((str(other) for other in others if other != site and depends(survey, other)), chosen)
