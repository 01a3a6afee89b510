"""What a page knows before it asks anything of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamlit.delta_generator import DeltaGenerator

from gradviz_core.types import SurveyAnswer


@dataclass(frozen=True, slots=True)
class Choice:
    """What the sidebar says: the model, the image, and the survey of that model on that image."""

    model: str
    image: str
    survey: SurveyAnswer
    tools: DeltaGenerator
    """Room beside the page's title."""

    draw: int = field(default=0, kw_only=True)
    """Where the random numbers of the model begin; every question about it says so."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.survey.card.labels
