"""What a page knows before it asks its own questions."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamlit.delta_generator import DeltaGenerator

from gradviz_core.types import SurveyAnswer


@dataclass(frozen=True, slots=True)
class Choice:
    """The choices of the sidebar: the model, the image, and the survey of that model on that image."""

    model: str
    image: str
    survey: SurveyAnswer
    tools: DeltaGenerator
    """Room for the buttons that keep what is shown."""
    beside: DeltaGenerator
    """Room for facts beside the page's title."""

    subject: str = field(kw_only=True)
    """What the page calls the model and the image: ``EfficientNet-Lite0 · Coffee``."""
    draw: int = field(default=0, kw_only=True)
    """The seed of the model's random numbers, part of every question about it."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.survey.card.labels
