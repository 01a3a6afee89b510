"""The types of GradViz: questions, targets, sites and answers.

A *site* is one value of a forward pass, usually a layer output: the output of a module at one of its calls, or an input
of the model. Everything here is an immutable value made of names, numbers and numpy arrays. Nothing here computes, so
the whole project may import it; it imports only the standard library, numpy and typing_extensions. Whatever questions
and answers need can be imported from this package.
"""

from __future__ import annotations

from gradviz_core.types.arrays import Arrays as Arrays
from gradviz_core.types.arrays import Field as Field
from gradviz_core.types.arrays import FloatArray as FloatArray
from gradviz_core.types.arrays import Pixels as Pixels
from gradviz_core.types.attending import AttendingAnswer as AttendingAnswer
from gradviz_core.types.attending import AttendingQuestion as AttendingQuestion
from gradviz_core.types.attention import attention_of as attention_of
from gradviz_core.types.attention import is_attention as is_attention
from gradviz_core.types.backward import BackwardAnswer as BackwardAnswer
from gradviz_core.types.backward import BackwardQuestion as BackwardQuestion
from gradviz_core.types.blocks import Blocks as Blocks
from gradviz_core.types.cams import CamsAnswer as CamsAnswer
from gradviz_core.types.cams import CamsQuestion as CamsQuestion
from gradviz_core.types.cards import Accuracy as Accuracy
from gradviz_core.types.cards import ImageCard as ImageCard
from gradviz_core.types.cards import ImageFile as ImageFile
from gradviz_core.types.cards import ImageGroup as ImageGroup
from gradviz_core.types.cards import ModelCard as ModelCard
from gradviz_core.types.cards import PackageFile as PackageFile
from gradviz_core.types.cards import Preprocessing as Preprocessing
from gradviz_core.types.diagnosis import DiagnosisAnswer as DiagnosisAnswer
from gradviz_core.types.diagnosis import DiagnosisQuestion as DiagnosisQuestion
from gradviz_core.types.flow import FlowAnswer as FlowAnswer
from gradviz_core.types.flow import FlowQuestion as FlowQuestion
from gradviz_core.types.gradient import GradientAnswer as GradientAnswer
from gradviz_core.types.gradient import GradientQuestion as GradientQuestion
from gradviz_core.types.heads import Head as Head
from gradviz_core.types.heads import HeadInfo as HeadInfo
from gradviz_core.types.heads import OutputKind as OutputKind
from gradviz_core.types.heads import Position as Position
from gradviz_core.types.heads import PredictedMask as PredictedMask
from gradviz_core.types.heads import Rectangle as Rectangle
from gradviz_core.types.heads import Region as Region
from gradviz_core.types.heads import ScoreScale as ScoreScale
from gradviz_core.types.heads import WholeMap as WholeMap
from gradviz_core.types.insertion import InsertionAnswer as InsertionAnswer
from gradviz_core.types.insertion import InsertionQuestion as InsertionQuestion
from gradviz_core.types.jacobian import MOST_ENTRIES as MOST_ENTRIES
from gradviz_core.types.jacobian import MOST_PASSES as MOST_PASSES
from gradviz_core.types.jacobian import JacobianAnswer as JacobianAnswer
from gradviz_core.types.jacobian import JacobianQuestion as JacobianQuestion
from gradviz_core.types.keeping import KeepingAnswer as KeepingAnswer
from gradviz_core.types.keeping import KeepingQuestion as KeepingQuestion
from gradviz_core.types.kinds import KINDS as KINDS
from gradviz_core.types.lesson import LessonAnswer as LessonAnswer
from gradviz_core.types.lesson import LessonQuestion as LessonQuestion
from gradviz_core.types.lesson_cards import StepResult as StepResult
from gradviz_core.types.methods import MethodName as MethodName
from gradviz_core.types.output import OutputAnswer as OutputAnswer
from gradviz_core.types.output import OutputQuestion as OutputQuestion
from gradviz_core.types.path import PathAnswer as PathAnswer
from gradviz_core.types.path import PathQuestion as PathQuestion
from gradviz_core.types.perturbation import Norm as Norm
from gradviz_core.types.perturbation import PerturbationAnswer as PerturbationAnswer
from gradviz_core.types.perturbation import PerturbationQuestion as PerturbationQuestion
from gradviz_core.types.proof import ProofAnswer as ProofAnswer
from gradviz_core.types.proof import ProofQuestion as ProofQuestion
from gradviz_core.types.questions import AboutAModel as AboutAModel
from gradviz_core.types.questions import Answer as Answer
from gradviz_core.types.questions import Question as Question
from gradviz_core.types.randomised import RandomisedAnswer as RandomisedAnswer
from gradviz_core.types.randomised import RandomisedQuestion as RandomisedQuestion
from gradviz_core.types.receipts import ClassProbability as ClassProbability
from gradviz_core.types.receipts import Receipt as Receipt
from gradviz_core.types.spectrum import MOST_STEPS as MOST_STEPS
from gradviz_core.types.spectrum import SpectrumAnswer as SpectrumAnswer
from gradviz_core.types.spectrum import SpectrumQuestion as SpectrumQuestion
from gradviz_core.types.subjects import INPUT as INPUT
from gradviz_core.types.subjects import OUTPUT as OUTPUT
from gradviz_core.types.subjects import Layout as Layout
from gradviz_core.types.subjects import ParameterInfo as ParameterInfo
from gradviz_core.types.subjects import Site as Site
from gradviz_core.types.subjects import SiteInfo as SiteInfo
from gradviz_core.types.survey import SurveyAnswer as SurveyAnswer
from gradviz_core.types.survey import SurveyQuestion as SurveyQuestion
from gradviz_core.types.targets import BoxScore as BoxScore
from gradviz_core.types.targets import ChannelMean as ChannelMean
from gradviz_core.types.targets import ClassDifference as ClassDifference
from gradviz_core.types.targets import ClassScore as ClassScore
from gradviz_core.types.targets import Combination as Combination
from gradviz_core.types.targets import CrossEntropy as CrossEntropy
from gradviz_core.types.targets import RegionScore as RegionScore
from gradviz_core.types.targets import SiteSum as SiteSum
from gradviz_core.types.targets import Target as Target
from gradviz_core.types.targets import Term as Term
from gradviz_core.types.targets import Unit as Unit
from gradviz_core.types.tokens import AttentionLayer as AttentionLayer
from gradviz_core.types.tokens import TokensAnswer as TokensAnswer
from gradviz_core.types.tokens import TokensQuestion as TokensQuestion
from gradviz_core.types.units import UnitsAnswer as UnitsAnswer
from gradviz_core.types.units import UnitsQuestion as UnitsQuestion
