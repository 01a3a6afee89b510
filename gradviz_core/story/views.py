"""The views of the story, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gradviz_core.story import (
    attention,
    cam,
    dies,
    magnitude,
    maps,
    path,
    photo,
    shortcut,
    smoothgrad,
    speckle,
    step,
    trust,
    unit,
    untrained,
)
from gradviz_core.story.told import Ask, Slider, Subject, Told


@dataclass(frozen=True, slots=True)
class View:
    """One view."""

    name: str
    """In the address. It never changes its meaning, wherever the view stands: people keep links to it."""
    title: str
    tell: Callable[[Ask, Subject], Told]
    """Asks its questions and draws. Raises GradVizError where one has no answer, NotSo where the claim does not
    hold. Where there is a slider, this is the view with it at its first stop."""
    slider: Slider | None = None


VIEWS = (
    View("photo", "What a gradient tells about a photo", photo.tell),
    View("speckle", "Why it is speckled", speckle.tell),
    View("smoothgrad", "A mean over noisy copies", smoothgrad.tell, smoothgrad.SLIDER),
    View("magnitude", "Magnitude and sign", magnitude.tell),
    View("unit", "One neuron and what it can see", unit.tell),
    View("maps", "Feature maps get coarser", maps.tell),
    View("cam", "Grad-CAM at three layers", cam.tell, cam.SLIDER),
    View("dies", "Where the gradient dies", dies.tell),
    View("step", "A step that changes the answer", step.tell),
    View("path", "From black to the picture", path.tell, path.SLIDER),
    View("attention", "Attention and gradient", attention.tell, attention.SLIDER),
    View("shortcut", "A shortcut behind right answers", shortcut.tell),
    View("untrained", "The same with random weights", untrained.tell),
    View("trust", "What to trust", trust.tell),
)
