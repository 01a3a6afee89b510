"""Questions, answers and errors as text and bytes: the form they have on the wire, in caches and in files.

A question is canonical JSON: sorted keys, no spaces, plain ASCII, every field written out, but for those that are
marked ``unsaid`` and at their default. Equal questions have equal text, so the text is the cache key. An answer is a
JSON header followed by its arrays in safetensors form:

    4 bytes  length of the header, little-endian
    header   the answer without its arrays, JSON
    rest     the arrays, safetensors

What is said of uploads is JSON: reports, and recipes, which are canonical like questions: a recipe's text is its name.

Reading builds values of the classes in ``types/`` and nothing else, so no text and no bytes can run code.
"""

from __future__ import annotations

import json
import struct
from dataclasses import fields, is_dataclass
from functools import reduce
from operator import or_
from typing import Annotated, Any, TypeVar

import numpy as np
import safetensors.numpy
from pydantic import ConfigDict, Discriminator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from safetensors import SafetensorError

from gradviz_core import errors
from gradviz_core.errors import BadModel, ComputeError, GradVizError, QuestionError
from gradviz_core.text.preprocessing_limits import check_preprocessing
from gradviz_core.text.readers import reading
from gradviz_core.text.shown_text import is_one_line
from gradviz_core.types import KINDS, Answer, Arrays, Question, Term
from gradviz_core.types.cards import ImageReport, ModelReport, Recipe
from gradviz_core.types.looks import Look

MOST_OF_A_COMPLAINT = 250
"""Characters of a complaint that lists values."""
LONGEST_TEXT = 300
"""No string inside a question is longer, in characters."""
MOST_ITEMS = 2_000
"""No list inside a question is longer."""
LARGEST_NUMBER = 2**31 - 1
"""Every whole number inside a question counts something from 0 up to this."""
LARGEST_WEIGHT = 1e9
"""No weight of a combination is larger, of either sign."""
LONGEST_QUESTION = 4_000_000
"""No question as JSON is longer, in characters, which are bytes: it is plain ASCII."""
LONGEST_MESSAGE = 2_000
"""Messages of errors are cut at this many characters."""
LONGEST_RECIPE = 8_000_000
"""No recipe as JSON is longer, in characters, which are bytes: it is plain ASCII."""
MOST_LABELS = 30_000
"""No recipe has more labels."""
OTHER_VERSION = "The answer cannot be read: the compute service runs another version of GradViz. Restart both."

T = TypeVar("T")

_ANY_QUESTION: Any = Annotated[reduce(or_, (kind.question for kind in KINDS.values())), Discriminator("kind")]
_ANY_ANSWER: Any = Annotated[reduce(or_, (kind.answer for kind in KINDS.values())), Discriminator("kind")]
_QUESTIONS: TypeAdapter[Question] = TypeAdapter(_ANY_QUESTION, config=ConfigDict(extra="forbid", strict=True))
_ANSWERS: TypeAdapter[Answer] = TypeAdapter(
    _ANY_ANSWER, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True, ser_json_inf_nan="constants")
)
_SHOWN: TypeAdapter[tuple[Question, Look]] = TypeAdapter(tuple[_ANY_QUESTION, Look], config=ConfigDict(extra="forbid"))
_RECIPES = TypeAdapter(Recipe)
_IMAGE_REPORTS = TypeAdapter(ImageReport)
_MODEL_REPORTS = TypeAdapter(ModelReport)
_LABELS: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])
_DTYPES = tuple(map(np.dtype, ("float64", "float32", "float16", "int64", "int32", "uint8", "bool")))
_ERRORS = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, GradVizError)
}

# ----------------------------------------------------------------------------------------------------------- questions


def question_to_json(question: Question) -> str:
    """The question as canonical JSON; equal questions, and only those, have equal text."""
    said = _QUESTIONS.dump_python(question, mode="json", exclude=_unsaid(question))
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


@reading("question", QuestionError)
def question_from_json(text: str | bytes) -> Question:
    """The question that ``text`` says. Fields that have a default may be left out.

    Raises:
        QuestionError: the text is no JSON, has an unknown or missing key, a value of the wrong type, or breaks a limit.
    """
    if len(text) > LONGEST_QUESTION:
        raise QuestionError(f"The question is {len(text):,} characters long; the limit is {LONGEST_QUESTION:,}.")
    try:
        question = _QUESTIONS.validate_json(text)
    except ValidationError as error:
        raise QuestionError(_sentence("question", error)) from None
    _check_limits(question, "question")
    return question


def shown_to_json(question: Question, look: Look) -> str:
    """The question and how its answer will be drawn, as canonical JSON."""
    said = _SHOWN.dump_python((question, look), mode="json", exclude={0: _unsaid(question)})
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


def shown_from_json(text: str | bytes) -> tuple[Question, Look]:
    """What ``shown_to_json`` wrote.

    Raises:
        QuestionError: as ``question_from_json`` does.
    """
    if len(text) > LONGEST_QUESTION:
        raise QuestionError(f"The question is {len(text):,} characters long; the limit is {LONGEST_QUESTION:,}.")
    try:
        question, look = _SHOWN.validate_json(text, strict=True)
    except ValidationError as error:
        raise QuestionError(_sentence("question", error)) from None
    _check_limits(question, "question")
    _check_limits(look, "look")
    return question, look


def _unsaid(question: Question) -> set[str]:
    """The fields that are not written: they came later, and where they are at their default older text stays as it
    was."""
    return {f.name for f in fields(question) if f.metadata.get("unsaid") and getattr(question, f.name) == f.default}


def _check_limits(value: object, where: str) -> None:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            raise QuestionError(f"{where} is {len(value):,} characters long; the limit is {LONGEST_TEXT}.")
        case int() if not 0 <= value <= LARGEST_NUMBER:
            number = str(value) if abs(value) < 10**20 else "a huge number"
            raise QuestionError(f"{where} is {number}; it must be a whole number from 0 to {LARGEST_NUMBER}.")
        case Term(weight=weight) if not abs(weight) <= LARGEST_WEIGHT:
            limit = f"{LARGEST_WEIGHT:g}"
            raise QuestionError(f"{where}.weight is {weight:g}; it must be a number from -{limit} to {limit}.")
        case tuple() if len(value) > MOST_ITEMS:
            raise QuestionError(
                f"{where} has {len(value):,} entries; the limit is {MOST_ITEMS:,}. Ask for fewer at a time."
            )
        case tuple():
            for i, item in enumerate(value):
                _check_limits(item, f"{where}[{i}]")
        case _ if is_dataclass(value):
            for name in (f.name for f in fields(value)):
                _check_limits(getattr(value, name), f"{where}.{name}")


def _sentence(what: str, error: ValidationError) -> str:
    """One sentence for a question or recipe that could not be read: the place, the value and the rule."""
    details = error.errors(include_url=False, include_context=False)
    first = _first_that_matters(details)
    where = ".".join(str(part) for part in first["loc"])
    value = first["input"]
    shown = f" (found {_short(value)})" if isinstance(value, str | int | float | None) and where else ""
    return f"The {what} cannot be read: {where + ': ' if where else ''}{_brief(first['msg'])}{shown}."


def _first_that_matters(details: list[ErrorDetails]) -> ErrorDetails:
    """A target is tried as each kind of target; only complaints of the kind that was meant are of interest."""
    other_kinds = {d["loc"][:-1] for d in details if d["type"] == "literal_error" and d["loc"][-1] == "kind"}
    meant = [d for d in details if not any(d["loc"][: len(kind)] == kind for kind in other_kinds)]
    if meant:
        return meant[0]
    kinds = [d["msg"].removeprefix("Input should be ") for d in details if d["loc"][-1] == "kind"]
    at_kind = next(d for d in details if d["loc"][-1] == "kind")
    message = f"Input should be one of {', '.join(kinds)}"
    return {"type": "literal_error", "loc": (*at_kind["loc"][:-2], "kind"), "msg": message, "input": at_kind["input"]}


def _brief(message: str) -> str:
    """A complaint that lists more values than a sentence holds names the first and counts the others."""
    told, comma, _ = message[:MOST_OF_A_COMPLAINT].rpartition("', ")
    if len(message) <= MOST_OF_A_COMPLAINT or not comma:
        return message
    return f"{told}' or one of {(message.count(chr(39)) - told.count(chr(39))) // 2} others"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# ------------------------------------------------------------------------------------------------------------- answers


def answer_to_bytes(answer: Answer) -> bytes:
    """The answer as bytes. The same answer gives the same bytes; arrays keep their values, types and shapes exactly.

    Raises:
        TypeError: an array is of a type that has no form here, such as complex.
    """
    header = answer_to_json(answer).encode()
    return b"".join((struct.pack("<I", len(header)), header, _pack(answer.arrays)))


def header_length(data: bytes) -> int:
    """Bytes of all that an answer says beside its arrays."""
    (length,) = struct.unpack_from("<I", data)
    return int(length)


def answer_to_json(answer: Answer) -> str:
    """The answer without its arrays, as JSON: the question, what the predicted class was, the score, the versions."""
    left_out: dict[str, Any] = {"arrays": True, "question": _unsaid(answer.question)}
    return _ANSWERS.dump_json(answer, exclude=left_out, warnings="error").decode()


def answer_from_bytes(data: bytes) -> Answer:
    """The answer that ``answer_to_bytes`` wrote. Its arrays are read-only, so that an answer kept in a cache
    cannot be changed by one of its readers.

    Raises:
        ComputeError: the bytes are no answer of this version of GradViz.
    """
    try:
        (length,) = struct.unpack_from("<I", data)
        header: dict[str, Any] = json.loads(data[4 : 4 + length])
        return _ANSWERS.validate_python(header | {"arrays": _unpack(data[4 + length :])})
    except (ValueError, TypeError, KeyError, struct.error, SafetensorError) as error:
        raise ComputeError(OTHER_VERSION) from error


def _pack(arrays: Arrays) -> bytes:
    for name, array in arrays.items():
        if array.dtype not in _DTYPES:
            raise TypeError(
                f"The array {name} has type {array.dtype}; an answer can hold {', '.join(map(str, _DTYPES))}."
            )
    return safetensors.numpy.save({name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()})


def _unpack(data: bytes) -> Arrays:
    arrays = safetensors.numpy.load(data)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


# ------------------------------------------------------------------------------------------------------------- uploads


def recipe_to_json(recipe: Recipe) -> str:
    """The recipe as canonical JSON: sorted keys, no spaces, plain ASCII, and 0.0 where someone wrote 0. A ``reading``
    or ``part`` that is not set is left out, as is what is said of bands and slices, so that a recipe from before there
    were any keeps its name.

    Raises:
        BadModel: it breaks a limit.
    """
    _check_recipe(recipe)
    said: dict[str, Any] = json.loads(_RECIPES.dump_json(recipe))
    if recipe.reading is None:
        del said["reading"]
    for name in ("part", "inputs", "other"):
        if not said[name]:
            del said[name]
    for steps in filter(None, (said["preprocessing"], said.get("other"))):
        for name in ("standardised", "shown", "slices", "slices_first"):
            if not steps[name]:
                del steps[name]
    return json.dumps(said, sort_keys=True, separators=(",", ":"))


@reading("recipe", BadModel)
def recipe_from_json(text: str | bytes) -> Recipe:
    """The recipe that ``text`` says.

    Raises:
        BadModel: the text is no JSON, has an unknown or missing key, a value of the wrong type, or breaks a limit.
    """
    if len(text) > LONGEST_RECIPE:
        raise BadModel(f"The recipe is {len(text):,} characters long; the limit is {LONGEST_RECIPE:,}.")
    try:
        recipe = _RECIPES.validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise BadModel(_sentence("recipe", error)) from None
    _check_recipe(recipe)
    return recipe


def _check_recipe(recipe: Recipe) -> None:
    if len(recipe.labels) > MOST_LABELS:
        raise BadModel(f"There are {len(recipe.labels):,} labels; the limit is {MOST_LABELS:,}.")
    for text in (recipe.title, recipe.architecture, recipe.part, *recipe.inputs, *recipe.labels):
        if len(text) > LONGEST_TEXT or not is_one_line(text):
            raise BadModel(
                f"The text {_short(text)} cannot be used: a title or label is one line of at most {LONGEST_TEXT} "
                "characters without control characters. Shorten it."
            )
    for steps in filter(None, (recipe.preprocessing, recipe.other)):
        check_preprocessing(steps)
    if len(set(recipe.inputs)) != len(recipe.inputs) or len(recipe.inputs) != (0 if recipe.other is None else 2):
        raise BadModel(
            f"The names of the images cannot be {_short(recipe.inputs)}: a model that takes two has two different ones."
        )


def image_report_to_json(report: ImageReport) -> str:
    """The report as JSON."""
    return _IMAGE_REPORTS.dump_json(report).decode()


def image_report_from_json(text: str | bytes) -> ImageReport:
    """The report that ``image_report_to_json`` wrote. Raises ``ComputeError`` for anything else."""
    return _read(_IMAGE_REPORTS, text)


def model_report_to_json(report: ModelReport) -> str:
    """The report as JSON."""
    return _MODEL_REPORTS.dump_json(report).decode()


def model_report_from_json(text: str | bytes) -> ModelReport:
    """The report that ``model_report_to_json`` wrote. Raises ``ComputeError`` for anything else."""
    return _read(_MODEL_REPORTS, text)


def labels_to_json(labels: tuple[str, ...]) -> str:
    """The labels as JSON."""
    return json.dumps(labels)


def labels_from_json(text: str | bytes) -> tuple[str, ...]:
    """The labels that ``labels_to_json`` wrote. Raises ``ComputeError`` for anything else."""
    return _read(_LABELS, text)


def _read(form: TypeAdapter[T], text: str | bytes) -> T:
    try:
        return form.validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise ComputeError(OTHER_VERSION) from error


# -------------------------------------------------------------------------------------------------------------- errors


def error_to_json(error: GradVizError) -> str:
    """The error as JSON: the name of its class in ``errors.py`` (or of the nearest ancestor there), its message and
    its code."""
    name = next(c.__name__ for c in type(error).__mro__ if _ERRORS.get(c.__name__) is c)
    said = {"error": name, "message": str(error)[:LONGEST_MESSAGE], "code": error.code[:LONGEST_MESSAGE]}
    return json.dumps(said, sort_keys=True)


def error_from_json(text: str | bytes) -> GradVizError:
    """The error that ``error_to_json`` wrote, ready to raise; anything else becomes a ``ComputeError`` that says so."""
    try:
        match json.loads(text):
            case {"error": str(name), "message": str(message), "code": str(code)} if name in _ERRORS:
                return _ERRORS[name](message[:LONGEST_MESSAGE], code[:LONGEST_MESSAGE])
    except ValueError:
        pass
    return ComputeError("The compute service answered with an error that this version does not know. Restart both.")
