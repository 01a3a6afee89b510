"""What can be asked, and what is answered: each kind has a file of its own beside this one.

A question is a frozen value of names and numbers, and is its own cache key; an answer has numbers by name in
``arrays``, and what is said of them.
"""

from __future__ import annotations

from gradviz_core.types.diagnosis import DiagnosisAnswer, DiagnosisQuestion
from gradviz_core.types.flow import FlowAnswer, FlowQuestion
from gradviz_core.types.gradient import GradientAnswer, GradientQuestion
from gradviz_core.types.jacobian import JacobianAnswer, JacobianQuestion
from gradviz_core.types.lesson import LessonAnswer, LessonQuestion
from gradviz_core.types.output import OutputAnswer, OutputQuestion
from gradviz_core.types.perturbation import PerturbationAnswer, PerturbationQuestion
from gradviz_core.types.proof import ProofAnswer, ProofQuestion
from gradviz_core.types.spectrum import SpectrumAnswer, SpectrumQuestion
from gradviz_core.types.survey import SurveyAnswer, SurveyQuestion
from gradviz_core.types.units import UnitsAnswer, UnitsQuestion

AboutAModel = (
    GradientQuestion
    | UnitsQuestion
    | SurveyQuestion
    | FlowQuestion
    | PerturbationQuestion
    | JacobianQuestion
    | SpectrumQuestion
    | DiagnosisQuestion
    | ProofQuestion
    | OutputQuestion
)
"""Questions that name a model, an image and a seed."""
Question = AboutAModel | LessonQuestion
Answer = (
    GradientAnswer
    | UnitsAnswer
    | SurveyAnswer
    | FlowAnswer
    | PerturbationAnswer
    | JacobianAnswer
    | SpectrumAnswer
    | LessonAnswer
    | DiagnosisAnswer
    | ProofAnswer
    | OutputAnswer
)
