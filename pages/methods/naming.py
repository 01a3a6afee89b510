"""What the options of a method may name: another image, or a layer output of the model."""

from __future__ import annotations

from dataclasses import replace

from gradviz_core.drawing.captions import Caption, site_text
from gradviz_core.types import GradientQuestion, SurveyAnswer, layouts
from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE
from gradviz_core.types.controls import value_text
from gradviz_core.types.methods import settled
from gradviz_core.types.sites import site_name
from pages.shell.choice import Choice
from pages.shell.controls import Names
from pages.uploads import images


def names(choice: Choice) -> Names:
    """As ``names_of``, for the model and the image of the page."""
    return names_of(choice.survey)


def names_of(survey: SurveyAnswer) -> Names:
    """The images of the samples and of this session, and the layer outputs with rows and columns, the last first: those
    whose names the address can hold, which parts its entries by commas."""
    layers = layouts.with_rows_and_columns(survey.sites)
    named = {str(info.site): site_text(info) for info in reversed(layers) if "," not in str(info.site)}
    if layers:
        named[""] = f"last: {site_name(layers[-1].site, layers[-1].calls)}"
    return {"image": images.every(survey.question.model), "layer": named}


def with_other_image(caption: Caption, question: GradientQuestion) -> Caption:
    """The same caption, which says the title of the other image where the method reads one."""
    options = settled(question.method, question.options)
    if options.get(BASELINE.name) != "image":
        return caption
    words = value_text(BASELINE, "image")
    title = images.words(str(options[BASELINE_IMAGE.name]))
    return replace(caption, sentence=caption.sentence.replace(words, f"{words} (“{title}”)", 1))
