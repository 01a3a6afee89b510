"""Questions, answers and errors survive the wire exactly; hostile text is refused in one sentence."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import Any, cast, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradviz_core import errors
from gradviz_core.errors import ComputeError, GradVizError, QuestionError, UnknownSite
from gradviz_core.text import codec
from gradviz_core.text.codec import (
    answer_from_bytes,
    answer_to_bytes,
    error_from_json,
    error_to_json,
    question_from_json,
    question_to_json,
    shown_from_json,
    shown_to_json,
)
from gradviz_core.types import (
    INPUT,
    KINDS,
    Answer,
    AttendingQuestion,
    BackwardQuestion,
    CamsQuestion,
    ClassScore,
    DiagnosisQuestion,
    FlowQuestion,
    GradientAnswer,
    GradientQuestion,
    InsertionQuestion,
    JacobianQuestion,
    KeepingQuestion,
    LessonQuestion,
    MethodName,
    Norm,
    OutputQuestion,
    PathQuestion,
    PerturbationQuestion,
    ProofQuestion,
    Question,
    RandomisedQuestion,
    Receipt,
    Site,
    SpectrumQuestion,
    SurveyQuestion,
    Term,
    TokensQuestion,
    Unit,
    UnitsQuestion,
)
from gradviz_core.types.backward import Break
from gradviz_core.types.looks import Look
from gradviz_core.types.targets import KINDS as TARGET_KINDS
from tests.any_target import COUNT, COUNTS, HEADS, SITES, TARGETS, TEXT

RELAXED = settings(deadline=None, max_examples=60)

METHODS = st.sampled_from(get_args(MethodName))
WRT = st.lists(SITES, max_size=5).map(tuple)
PARTS = st.none() | st.tuples(COUNT, COUNT)
CHOICES = st.lists(st.tuples(TEXT, TEXT | st.floats(allow_nan=False)), max_size=4).map(tuple)
BREAKS = st.sampled_from(get_args(Break))
NORMS, FLAGS = st.sampled_from(get_args(Norm)), st.booleans()
QUESTIONS: st.SearchStrategy[Question] = st.one_of(
    st.builds(GradientQuestion, model=TEXT, image=TEXT, target=TARGETS, wrt=WRT, method=METHODS, options=CHOICES),
    st.builds(UnitsQuestion, model=TEXT, image=TEXT, site=SITES, place=COUNTS, count=COUNT),
    st.builds(SurveyQuestion, model=TEXT, image=TEXT, head=HEADS),
    st.builds(OutputQuestion, model=TEXT, image=TEXT, head=HEADS, skip=COUNT, boxes_last=st.none() | st.booleans()),
    st.builds(
        BackwardQuestion,
        model=TEXT,
        image=TEXT,
        target=TARGETS,
        step=st.none() | COUNT,
        index=COUNTS,
        broken=BREAKS,
        broken_at=SITES,
    ),
    st.builds(DiagnosisQuestion, model=TEXT, image=TEXT, target=TARGETS, broken=BREAKS, broken_at=SITES),
    st.builds(ProofQuestion, model=TEXT, image=TEXT, target=TARGETS, directions=COUNT),
    st.builds(FlowQuestion, model=TEXT, image=TEXT, target=TARGETS, parameters=st.booleans()),
    st.builds(
        PerturbationQuestion, model=TEXT, image=TEXT, target=TARGETS, norm=NORMS, epsilon=COUNT, steps=COUNT, away=FLAGS
    ),
    st.builds(JacobianQuestion, model=TEXT, image=TEXT, of=SITES, wrt=SITES, rows=PARTS, columns=PARTS),
    st.builds(SpectrumQuestion, model=TEXT, image=TEXT, of=SITES, wrt=SITES, rows=PARTS, count=COUNT, steps=COUNT),
    st.builds(
        AttendingQuestion, model=TEXT, image=TEXT, target=TARGETS, layer=st.none() | SITES, token=st.none() | COUNT
    ),
    st.builds(TokensQuestion, model=TEXT, image=TEXT, seed=COUNT),
    st.builds(LessonQuestion, lesson=TEXT, choices=CHOICES),
    st.builds(InsertionQuestion, model=TEXT, image=TEXT, target=TARGETS, method=METHODS, steps=COUNT),
    st.builds(RandomisedQuestion, model=TEXT, image=TEXT, wrt=SITES, layer=COUNT, noise=st.floats(0, 9)),
    st.builds(CamsQuestion, model=TEXT, image=TEXT, target=TARGETS, method=METHODS, options=CHOICES),
    st.builds(PathQuestion, model=TEXT, image=TEXT, target=TARGETS, parts=COUNT, steps=COUNT),
    st.builds(KeepingQuestion, model=TEXT, image=TEXT, sites=WRT, target=TARGETS, method=METHODS, options=CHOICES),
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
DTYPES = st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.int32, np.uint8, np.bool_])
ARRAYS = st.dictionaries(TEXT, DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))


def answers() -> st.SearchStrategy[Answer]:
    """Any answer of any kind."""
    given_arrays: dict[str, Any] = {"arrays": ARRAYS}
    return st.one_of([st.builds(kind.answer, **given_arrays) for kind in KINDS.values()])


def same(a: object, b: object) -> bool:
    """Equal, with NaN equal to itself."""
    return repr(a) == repr(b) and type(a) is type(b)


# ----------------------------------------------------------------------------------------------------------- questions


@RELAXED
@given(QUESTIONS)
def test_a_question_comes_back_equal(question: Question) -> None:
    text = question_to_json(question)
    assert question_from_json(text) == question
    assert question_from_json(text.encode()) == question
    assert question_to_json(question_from_json(text)) == text


@RELAXED
@given(QUESTIONS, QUESTIONS)
def test_only_equal_questions_have_equal_text(a: Question, b: Question) -> None:
    assert (question_to_json(a) == question_to_json(b)) == (a == b)


def test_the_text_of_a_question_is_stable() -> None:
    """Caches and saved links hang on this text: changing it makes them all void."""
    question = GradientQuestion(model="preset/shapes-cnn", image="sample/é", wrt=(INPUT, Site("a.1", 2)))
    assert question_to_json(question) == (
        '{"image":"sample/\\u00e9","kind":"gradient","method":"gradient","model":"preset/shapes-cnn",'
        '"seed":0,'
        '"target":{"against":false,"head":{"item":null,"reading":null,"row":null},"index":null,"kind":"class","scale":"logit"},'
        '"wrt":[{"call":0,"item":"","path":".input"},{"call":2,"item":"","path":"a.1"}]}'
    )


def test_every_kind_of_question_and_target_is_tried_here() -> None:
    """The strategies above are written by hand; a new kind must be added to them."""
    written = (
        "Gradient Units Survey Flow Path Perturbation Jacobian Spectrum Lesson Diagnosis "
        "Proof Output Backward Cams Insertion Keeping Randomised Tokens Attending"
    )
    assert {kind.question.__name__ for kind in KINDS.values()} == {f"{name}Question" for name in written.split()}
    assert len(TARGET_KINDS) == 9


def test_every_kind_of_target_is_told_apart() -> None:
    terms = (Term((0, 1), 2.0),)
    values: dict[str, Any] = {
        "index": 1,
        "other": 2,
        "label": 3,
        "site": Site("a"),
        "channel": 4,
        "axis": 2,
        "terms": terms,
    }
    for kind in TARGET_KINDS:
        made = {f.name: values[f.name] for f in fields(cast(Any, kind)) if f.name in values}
        if kind is Unit:
            made["index"] = (1, 2, 3)
        question = GradientQuestion(model="m", image="i", target=kind(**made))
        back = question_from_json(question_to_json(question))
        assert isinstance(back, GradientQuestion)
        assert type(back.target) is kind
        assert back == question


def test_fields_with_a_default_may_be_left_out() -> None:
    assert question_from_json('{"kind":"survey","model":"m","image":"i"}') == SurveyQuestion(model="m", image="i")


def _gradient(**changes: object) -> str:
    return json.dumps({"kind": "gradient", "model": "m", "image": "i"} | changes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Invalid JSON"),
        ("[", "Invalid JSON"),
        ("[]", "should be an object"),
        ("null", "should be an object"),
        ('"gradient"', "should be an object"),
        ("[" * 100_000, "Invalid JSON"),
        ("{}", "kind"),
        ('{"kind":"shell"}', "'diagnosis', 'flow', 'gradient', 'insertion'"),
        ('{"kind":"survey","model":"m"}', "image: Field required"),
        (_gradient(extra=1), "extra: Unexpected keyword argument"),
        (_gradient(model=7), "model: Input should be a valid string (found 7)"),
        (_gradient(model=None), "model: Input should be a valid string (found None)"),
        (_gradient(model="m" * 301), "question.model is 301 characters long; the limit is 300"),
        (_gradient(method="eval"), "method: Input should be 'gradient'"),
        (_gradient(options=[["draws"]]), "options.0"),
        (_gradient(options=[["draws", None]]), "options.0.1"),
        (_gradient(options=[["d" * 301, 1]]), "question.options[0][0] is 301 characters long; the limit is 300"),
        (_gradient(options=[["d", 1]] * 2001), "question.options has 2,001 entries; the limit is 2,000"),
        (_gradient(wrt=[{"path": "a", "call": -1}]), "question.wrt[0].call is -1"),
        (_gradient(wrt=[{"path": "a", "call": True}]), "call: Input should be a valid integer (found True)"),
        (_gradient(wrt=[{"path": "a", "call": 1.0}]), "call: Input should be a valid integer (found 1.0)"),
        (_gradient(wrt=[{"path": "a"}] * 2001), "question.wrt has 2,001 entries; the limit is 2,000"),
        (_gradient(wrt=["a"]), "wrt.0: Input should be an object"),
        (_gradient(target={"kind": "class", "index": "3"}), "index: Input should be a valid integer (found '3')"),
        (_gradient(target={"kind": "class", "index": -3}), "question.target.index is -3"),
        (_gradient(target={"kind": "class", "index": 10**4000}), "index"),
        (_gradient(target={"kind": "clazz"}), "target.kind: Input should be one of 'class', 'difference'"),
        (_gradient(target={"kind": "unit", "site": {"path": "a"}}), "Unit.index: Field required"),
        (_gradient(target=[]), "target"),
        (_gradient(target={"kind": "class", "head": {"reading": "logits"}}), "head.reading: Input should be 'softmax_"),
        (
            _gradient(target={"kind": "region", "region": {"kind": "circle"}}),
            "'whole', 'position', 'rectangle', 'mask'",
        ),
        (_gradient(target={"kind": "region", "region": {"kind": "position", "row": 1}}), "column: Field required"),
        (_gradient(target={"kind": "combination", "terms": [{"index": [0], "weight": 1e10}]}), "weight is 1e+10"),
        (_gradient(target={"kind": "combination", "terms": [{"index": [0], "weight": -1e10}]}), "weight is -1e+10"),
        (_gradient(target={"kind": "combination", "terms": [{"index": [0], "weight": math.nan}]}), "weight is nan"),
        (_gradient(target={"kind": "combination", "terms": [{"index": [-1]}]}), "terms[0].index[0] is -1"),
        (_gradient(target={"kind": "box", "box": -1}), "question.target.box is -1"),
        ('{"kind":"survey","model":"\\ud800","image":"i"}', "Invalid JSON"),
        (" " * 4_000_001, "the limit is 4,000,000"),
    ],
)
def test_hostile_text_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(QuestionError) as caught:
        question_from_json(text)
    message = str(caught.value)
    assert says in message
    assert len(message) < 400
    assert "\n" not in message


@RELAXED
@given(st.text())
def test_no_text_gets_further_than_a_question_error(text: str) -> None:
    with pytest.raises(QuestionError):
        question_from_json(text)


def test_what_is_looked_at_has_limits_too() -> None:
    question = SurveyQuestion(model="m", image="i")
    assert shown_from_json(shown_to_json(question, Look(place=(1, 2)))) == (question, Look(place=(1, 2)))
    with pytest.raises(QuestionError, match=r"look\.place\[0\] is -1"):
        shown_from_json(shown_to_json(question, Look(place=(-1,))))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


def _holds_objects(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_holds_objects, value)))


@RELAXED
@given(QUESTIONS, st.data())
def test_a_question_with_one_value_replaced_is_read_strictly(question: Question, data: st.DataObject) -> None:
    values = json.loads(question_to_json(question))
    values[data.draw(st.sampled_from(sorted(values)))] = data.draw(JSON)
    text = json.dumps(values)
    try:
        read = question_from_json(text)
    except QuestionError:
        return
    for name, value in json.loads(question_to_json(read)).items():
        if not _holds_objects(value):  # they may leave out what has a default
            assert value == values[name]
            assert type(value) is type(values[name])


# ------------------------------------------------------------------------------------------------------------- answers


@RELAXED
@given(answers())
def test_an_answer_comes_back_equal(answer: Answer) -> None:
    data = answer_to_bytes(answer)
    back = answer_from_bytes(data)
    assert type(back) is type(answer)
    for field in fields(answer):
        if field.name != "arrays":
            assert same(getattr(back, field.name), getattr(answer, field.name))
    assert back.arrays.keys() == answer.arrays.keys()
    for name, array in answer.arrays.items():
        assert back.arrays[name].dtype == array.dtype
        assert back.arrays[name].shape == array.shape
        assert back.arrays[name].tobytes() == array.tobytes()
    assert answer_to_bytes(back) == data


def _answer(**arrays: np.ndarray) -> GradientAnswer:
    return GradientAnswer(
        question=GradientQuestion(model="m", image="i"),
        target=ClassScore(3),
        score=math.nan,
        prediction=(),
        receptive_field=(0, 3, 1, 4),
        notes=("a",),
        receipt=Receipt("cpu", (("torch", "2"),), 1.5),
        arrays=arrays,
    )


def test_arrays_are_aligned_and_read_only() -> None:
    data = answer_to_bytes(_answer(a=np.ones(3, np.uint8), b=np.ones((2, 5), np.float64), c=np.ones(3, np.float32)))
    arrays = answer_from_bytes(data).arrays
    assert all(array.flags.aligned and not array.flags.writeable for array in arrays.values())


def test_arrays_that_are_not_contiguous_keep_their_values() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    np.testing.assert_array_equal(answer_from_bytes(answer_to_bytes(_answer(a=array))).arrays["a"], array)


def test_an_array_without_a_form_on_the_wire_is_named() -> None:
    with pytest.raises(TypeError, match="The array a has type complex128"):
        answer_to_bytes(_answer(a=np.ones(2, np.complex128)))


def test_a_number_of_numpy_in_place_of_a_plain_one_is_an_error() -> None:
    wrong: Any = np.float32(2.0)
    with pytest.raises(ValueError, match="numpy"):
        answer_to_bytes(replace(_answer(), score=wrong))


@RELAXED
@given(st.binary(max_size=60))
def test_bytes_that_are_no_answer_are_refused(data: bytes) -> None:
    with pytest.raises(ComputeError, match="another version"):
        answer_from_bytes(data)


@RELAXED
@given(st.data())
def test_a_cut_answer_is_refused(data: st.DataObject) -> None:
    whole = answer_to_bytes(_answer(a=np.ones((2, 5), np.float64)))
    with pytest.raises(ComputeError):
        answer_from_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])


# -------------------------------------------------------------------------------------------------------------- errors

ERRORS = [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, GradVizError)]


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_comes_back_as_itself(kind: type[GradVizError]) -> None:
    back = error_from_json(error_to_json(kind("Layer “a” never ran.")))
    assert type(back) is kind
    assert str(back) == "Layer “a” never ran."


def test_an_error_defined_elsewhere_travels_as_its_ancestor() -> None:
    class Nearby(UnknownSite):
        pass

    assert type(error_from_json(error_to_json(Nearby("x")))) is UnknownSite


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"error":"SystemExit","message":"x"}', '{"error":"Busy","message":[1]}', b"\xff"]
)
def test_no_other_class_is_ever_raised(text: str | bytes) -> None:
    assert type(error_from_json(text)) is ComputeError


def test_a_message_is_cut() -> None:
    assert len(str(error_from_json(error_to_json(QuestionError("x" * 10_000))))) == codec.LONGEST_MESSAGE
