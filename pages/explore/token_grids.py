"""What is known of the layer outputs of a model, with how those that are tokens lie over the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.errors import QuestionError
from gradviz_core.types import SiteInfo, TokensQuestion
from pages.shell.asking import ask
from pages.shell.choice import Choice


def known(choice: Choice) -> Sequence[SiteInfo]:
    """The layer outputs of the survey; of tokens and windows with the grid that the pass shows.

    Raises:
        GradVizError: as asking does; a model whose attention cannot be formed has the grids that are read off the
            number of its tokens.
    """
    infos = choice.survey.sites
    if not choice.survey.attends and not any(info.layout == "tokens" for info in infos):
        return infos
    question = TokensQuestion(model=choice.model, image=choice.image, seed=choice.draw)
    try:
        grids = dict(ask(question, "Looking for the tokens …").grids)
    except QuestionError:
        return infos
    return [replace(info, grid=grids.get(info.site)) for info in infos]
