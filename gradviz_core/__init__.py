"""GradViz: true gradients of vision models, of any scalar, at any value of the forward pass.

Importing this package is fast: torch is imported only when something that needs it is first used.

    import gradviz_core as gv

    question = gv.GradientQuestion(model="preset/shapes-cnn", image="sample/star")
    answer = gv.answer(question)
    gv.figures.heatmap(gv.fields.signed_sum(answer.gradients[gv.INPUT])).show()
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gradviz_core import errors
from gradviz_core.errors import GradVizError
from gradviz_core.types import (
    INPUT,
    OUTPUT,
    Answer,
    AttendingAnswer,
    AttendingQuestion,
    BackwardAnswer,
    BackwardQuestion,
    BoxScore,
    CamsAnswer,
    CamsQuestion,
    ChannelMean,
    ClassDifference,
    ClassScore,
    Combination,
    CrossEntropy,
    DiagnosisAnswer,
    DiagnosisQuestion,
    Field,
    FlowAnswer,
    FlowQuestion,
    GradientAnswer,
    GradientQuestion,
    Head,
    HeadInfo,
    ImageCard,
    InsertionAnswer,
    InsertionQuestion,
    JacobianAnswer,
    JacobianQuestion,
    KeepingAnswer,
    KeepingQuestion,
    LessonAnswer,
    LessonQuestion,
    ModelCard,
    OutputAnswer,
    OutputKind,
    OutputQuestion,
    PathAnswer,
    PathQuestion,
    PerturbationAnswer,
    PerturbationQuestion,
    Position,
    PredictedMask,
    ProofAnswer,
    ProofQuestion,
    Question,
    RandomisedAnswer,
    RandomisedQuestion,
    Rectangle,
    RegionScore,
    Site,
    SiteInfo,
    SiteSum,
    SpectrumAnswer,
    SpectrumQuestion,
    SurveyAnswer,
    SurveyQuestion,
    Target,
    Term,
    TokensAnswer,
    TokensQuestion,
    Unit,
    UnitsAnswer,
    UnitsQuestion,
    WholeMap,
)
from gradviz_core.types.calls import Call
from gradviz_core.types.findings import Diagnosis, Finding, Proof
from gradviz_core.types.layer_medians import LayerMedians
from gradviz_core.types.questions import A
from gradviz_core.types.refining import Refined
from gradviz_core.version import __version__

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gradviz_core import images
    from gradviz_core.drawing import captions, fields, figures
    from gradviz_core.methods import receptive_field
    from gradviz_core.models import catalogue
    from gradviz_core.tracing import trace
    from gradviz_core.tracing.inputs import Inputs

PREDICTED = ClassScore()
"""The logit of the predicted class."""

_LAZY = {
    "captions": "gradviz_core.drawing.captions",
    "catalogue": "gradviz_core.models.catalogue",
    "fields": "gradviz_core.drawing.fields",
    "figures": "gradviz_core.drawing.figures",
    "images": "gradviz_core.images",
    "receptive_field": "gradviz_core.methods.receptive_field",
    "trace": "gradviz_core.tracing.trace",
}


def __getattr__(name: str) -> ModuleType:
    if name not in _LAZY:
        raise AttributeError(f"gradviz_core has no attribute {name!r}")
    return importlib.import_module(_LAZY[name])


def answer(question: Question[A]) -> A:
    """Answer a question in this process, on the best available device. Thread-safe.

    Raises:
        QuestionError: the question cannot be answered as it stands; the message says why and what to do.
        BadImage: the image cannot be read.
        WeightsMissing: the model's weights are not on this machine and cannot be downloaded.
    """
    from gradviz_core.answering import answer as answer_here

    return answer_here(question)


def load(key: str) -> nn.Module:
    """The model behind a key, as ``preset/shapes-cnn`` or ``torchvision/resnet18@IMAGENET1K_V1``: in evaluation mode,
    on the CPU, its parameters frozen. ``catalogue`` lists the keys.

    Raises:
        UnknownModel: no model has this key.
        WeightsMissing: its pretrained weights are not on this machine and cannot be downloaded.
        BadModel: an uploaded file and the recipe for it do not go together.
    """
    from gradviz_core.answers.load import load as load_here

    return load_here(key).module


def prove(
    module: nn.Module,
    x: Inputs,
    target: Target = PREDICTED,
    sites: Collection[Site] | None = None,
    directions: int = 3,
    seed: int = 0,
    every_step: bool = True,
) -> Proof:
    """Check the gradient of ``target`` at ``sites`` (None: all inputs of real numbers) against finite differences in
    float64, along random directions.

    ``print(gv.prove(module, x).verdict)`` says in a sentence whether they agree, and to how many digits; ``outcome`` is
    one word for it, and ``directions`` holds every number. The differences use only the forward pass, so they also find
    a detach, a wrong custom derivative and a wrong PyTorch kernel. At a kink (a ReLU at 0, equal values in max
    pooling), or where rounding hides the answer, the verdict says that the check is inconclusive.

    ``every_step=False`` tries only as many step sizes as it needs; the verdict is the same. The module is not changed.

    Raises:
        QuestionError: a site holds no real numbers, or the module does not run in float64.
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.
    """
    from gradviz_core.doctor.proof import prove as prove_here

    return prove_here(module, x, target, sites, directions, seed, every_step)


def refine(question: GradientQuestion, bound: float = 0.01) -> Refined:
    """Answer a question about a complete method, as ``integrated_gradients``, with more and more steps, until its
    attribution sums to what it should, but for ``bound`` times that, or it takes no more: ``within`` says which.

    Each answer takes the memory of a few passes, however many steps it has.

    Raises:
        QuestionError: the method has no steps or is not complete, or as ``answer`` does.
    """
    from gradviz_core.types.refining import refined

    return refined(question, bound, answer)


def layer_medians(question: KeepingQuestion, images: Sequence[str]) -> LayerMedians:
    """What the regions of each layer's map do to the score, as medians over ``images``, by their keys: ``question`` is
    asked about each of them, whichever image it names. Where its target is the predicted class, that is each image's.

    Raises:
        QuestionError: no image is named, or as ``answer`` does.
    """
    from gradviz_core.types.layer_medians import medians

    return medians([answer(replace(question, image=image)) for image in images])


def diagnose(
    model: Callable[..., Any],
    x: Inputs,
    loss: Callable[[Any], Tensor] | None = None,
) -> Diagnosis:
    """Why a gradient of ``loss(model(x))`` is missing, zero or not finite: in order of execution, with the line of code
    and the fix. ``print`` it in a notebook.

    ``model`` is any module or function; ``x`` is its input, as in ``trace.gradients``. Without ``loss``, everything
    that the model returns is summed, with weights from 1/2 to 3/2. The model is not changed.

    Raises:
        QuestionError: the model cannot be copied, or fails on ``x``; the loss is no single number; PyTorch has no
            derivative for an operation.
    """
    from gradviz_core.doctor.diagnosing import diagnose as diagnose_here

    return diagnose_here(model, x, loss)


__all__ = [
    "INPUT",
    "OUTPUT",
    "Answer",
    "AttendingAnswer",
    "AttendingQuestion",
    "BackwardAnswer",
    "BackwardQuestion",
    "BoxScore",
    "Call",
    "CamsAnswer",
    "CamsQuestion",
    "ChannelMean",
    "ClassDifference",
    "ClassScore",
    "Combination",
    "CrossEntropy",
    "Diagnosis",
    "DiagnosisAnswer",
    "DiagnosisQuestion",
    "Field",
    "Finding",
    "FlowAnswer",
    "FlowQuestion",
    "GradVizError",
    "GradientAnswer",
    "GradientQuestion",
    "Head",
    "HeadInfo",
    "ImageCard",
    "InsertionAnswer",
    "InsertionQuestion",
    "JacobianAnswer",
    "JacobianQuestion",
    "KeepingAnswer",
    "KeepingQuestion",
    "LessonAnswer",
    "LessonQuestion",
    "ModelCard",
    "OutputAnswer",
    "OutputKind",
    "OutputQuestion",
    "PathAnswer",
    "PathQuestion",
    "PerturbationAnswer",
    "PerturbationQuestion",
    "Position",
    "PredictedMask",
    "Proof",
    "ProofAnswer",
    "ProofQuestion",
    "Question",
    "RandomisedAnswer",
    "RandomisedQuestion",
    "Rectangle",
    "RegionScore",
    "Site",
    "SiteInfo",
    "SiteSum",
    "SpectrumAnswer",
    "SpectrumQuestion",
    "SurveyAnswer",
    "SurveyQuestion",
    "Target",
    "Term",
    "TokensAnswer",
    "TokensQuestion",
    "Unit",
    "UnitsAnswer",
    "UnitsQuestion",
    "WholeMap",
    "__version__",
    "answer",
    "captions",
    "catalogue",
    "diagnose",
    "errors",
    "fields",
    "figures",
    "images",
    "layer_medians",
    "load",
    "prove",
    "receptive_field",
    "refine",
    "trace",
]
