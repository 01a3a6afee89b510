"""What is known of the layer outputs of a model, with how those that are tokens lie over the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.errors import QuestionError
from gradviz_core.types import SiteInfo, SurveyAnswer, TokensQuestion
from pages.shell.asking import ask


def known(survey: SurveyAnswer) -> Sequence[SiteInfo]:
    """The layer outputs of the survey; of tokens and windows with the grid that the pass shows.

    Raises:
        GradVizError: as asking does; a model whose attention cannot be formed has the grids that are read off the
            number of its tokens.
    """
    infos, asked = survey.sites, survey.question
    if not survey.attends and not any(info.layout == "tokens" for info in infos):
        return infos
    question = TokensQuestion(model=asked.model, image=asked.image, seed=asked.seed)
    try:
        grids = dict(ask(question, "Looking for the tokens …").grids)
    except QuestionError:
        return infos
    return [replace(info, grid=grids.get(info.site)) for info in infos]
