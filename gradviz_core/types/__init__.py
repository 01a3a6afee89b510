"""The nouns of GradViz: what a question, a target, a site and an answer are.

Everything here is a frozen value made of names, numbers and numpy arrays. Nothing here computes, so the whole project
may import it; it imports nothing but the standard library and numpy. What questions and answers need can be imported
from here, whichever file it lies in.
"""

from __future__ import annotations

from gradviz_core.types.answers import Answer as Answer
from gradviz_core.types.answers import FlowAnswer as FlowAnswer
from gradviz_core.types.answers import GradientAnswer as GradientAnswer
from gradviz_core.types.answers import LessonAnswer as LessonAnswer
from gradviz_core.types.answers import PerturbationAnswer as PerturbationAnswer
from gradviz_core.types.answers import SurveyAnswer as SurveyAnswer
from gradviz_core.types.answers import UnitsAnswer as UnitsAnswer
from gradviz_core.types.arrays import Arrays as Arrays
from gradviz_core.types.arrays import Field as Field
from gradviz_core.types.arrays import FloatArray as FloatArray
from gradviz_core.types.arrays import Pixels as Pixels
from gradviz_core.types.blocks import Blocks as Blocks
from gradviz_core.types.cards import Accuracy as Accuracy
from gradviz_core.types.cards import ImageCard as ImageCard
from gradviz_core.types.cards import ImageFile as ImageFile
from gradviz_core.types.cards import ModelCard as ModelCard
from gradviz_core.types.cards import Preprocessing as Preprocessing
from gradviz_core.types.diagnoses import DiagnosisAnswer as DiagnosisAnswer
from gradviz_core.types.diagnoses import DiagnosisQuestion as DiagnosisQuestion
from gradviz_core.types.diagnoses import ProofAnswer as ProofAnswer
from gradviz_core.types.diagnoses import ProofQuestion as ProofQuestion
from gradviz_core.types.jacobian_question import MOST_ENTRIES as MOST_ENTRIES
from gradviz_core.types.jacobian_question import MOST_PASSES as MOST_PASSES
from gradviz_core.types.jacobian_question import MOST_STEPS as MOST_STEPS
from gradviz_core.types.jacobian_question import JacobianAnswer as JacobianAnswer
from gradviz_core.types.jacobian_question import JacobianQuestion as JacobianQuestion
from gradviz_core.types.jacobian_question import SpectrumAnswer as SpectrumAnswer
from gradviz_core.types.jacobian_question import SpectrumQuestion as SpectrumQuestion
from gradviz_core.types.lesson_cards import LessonQuestion as LessonQuestion
from gradviz_core.types.lesson_cards import StepResult as StepResult
from gradviz_core.types.output_question import OutputAnswer as OutputAnswer
from gradviz_core.types.output_question import OutputQuestion as OutputQuestion
from gradviz_core.types.outputs import Head as Head
from gradviz_core.types.outputs import HeadInfo as HeadInfo
from gradviz_core.types.outputs import OutputKind as OutputKind
from gradviz_core.types.outputs import Position as Position
from gradviz_core.types.outputs import PredictedMask as PredictedMask
from gradviz_core.types.outputs import Rectangle as Rectangle
from gradviz_core.types.outputs import Region as Region
from gradviz_core.types.outputs import WholeMap as WholeMap
from gradviz_core.types.questions import AboutAModel as AboutAModel
from gradviz_core.types.questions import FlowQuestion as FlowQuestion
from gradviz_core.types.questions import GradientQuestion as GradientQuestion
from gradviz_core.types.questions import MethodName as MethodName
from gradviz_core.types.questions import Norm as Norm
from gradviz_core.types.questions import PerturbationQuestion as PerturbationQuestion
from gradviz_core.types.questions import Question as Question
from gradviz_core.types.questions import SurveyQuestion as SurveyQuestion
from gradviz_core.types.questions import UnitsQuestion as UnitsQuestion
from gradviz_core.types.receipts import ClassProbability as ClassProbability
from gradviz_core.types.receipts import Receipt as Receipt
from gradviz_core.types.subjects import INPUT as INPUT
from gradviz_core.types.subjects import OUTPUT as OUTPUT
from gradviz_core.types.subjects import BoxScore as BoxScore
from gradviz_core.types.subjects import ChannelMean as ChannelMean
from gradviz_core.types.subjects import ClassDifference as ClassDifference
from gradviz_core.types.subjects import ClassScore as ClassScore
from gradviz_core.types.subjects import Combination as Combination
from gradviz_core.types.subjects import CrossEntropy as CrossEntropy
from gradviz_core.types.subjects import Layout as Layout
from gradviz_core.types.subjects import ParameterInfo as ParameterInfo
from gradviz_core.types.subjects import RegionScore as RegionScore
from gradviz_core.types.subjects import ScoreScale as ScoreScale
from gradviz_core.types.subjects import Site as Site
from gradviz_core.types.subjects import SiteInfo as SiteInfo
from gradviz_core.types.subjects import SiteSum as SiteSum
from gradviz_core.types.subjects import Target as Target
from gradviz_core.types.subjects import Term as Term
from gradviz_core.types.subjects import Unit as Unit
