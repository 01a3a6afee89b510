"""The lessons page without a browser: every lesson and every control, its address, and the question at its end."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.drawing.lesson_pictures import WIDTH, alt, draw
from gradviz_core.drawing.outlines import BAR
from gradviz_core.lessons.contents import FIRST_WORDS, LESSONS, settle
from gradviz_core.lessons.graph import title
from gradviz_core.lessons.running import run
from gradviz_core.types import LessonQuestion, Question
from gradviz_core.types.controls import Choice, Number
from gradviz_core.types.lesson_cards import Lesson, LessonResult
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from tests.opening import answer_here, chart, errors, opened, values

PAGE = "pages/learn/lessons.py"
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    answer_cache.clear()
    return answer_here(monkeypatch)


def stood_at(question: Question) -> dict[str, float | str]:
    assert isinstance(question, LessonQuestion)
    return settle(question.lesson, dict(question.choices))


def move(app: AppTest, name: str, value: float | str) -> None:
    key = f"shown_set.{name}"
    lists, sliders = [s.key for s in app.selectbox], [s.key for s in app.slider]
    if isinstance(value, str):
        (app.selectbox(key=key) if key in lists else app.button_group(key=key)).set_value(value).run()
    else:
        assert key in sliders
        app.slider(key=key).set_value(value).run()
    assert not app.exception
    assert not app.error


@every_lesson
def test_code_claims_numbers_graph_and_figures_are_those_of_the_run(lesson: Lesson) -> None:
    app = opened(PAGE, lesson=lesson.key)
    assert not app.error
    result = run(lesson.key, {})
    codes, words = [c.value for c in app.code], [m.value for m in app.markdown]
    for step in result.steps:
        (shown,) = [code for code in codes if step.source.strip() in code]
        assert shown.strip() == step.program.strip()
        for claim in step.claims:
            assert any("**Checked:**" in word and plain(claim.sentence) in word for word in words), claim
        for output in step.outputs:
            if output.kind == "error":
                assert output.text in codes
    recorded = [recorded for step in result.steps for recorded in step.graphs]
    assert len(app.get("graphviz_chart")) == sum(r.graph is not None for r in recorded)
    assert all(any(plain(title(r)) in word for word in words) for r in recorded)
    assert len(app.get("plotly_chart")) == sum(len(step.pictures) for step in result.steps)
    assert not [s for s in app.sidebar.selectbox if s.label == "Model"], "a lesson needs none"


@every_lesson
def test_every_control_is_asked_with_and_restored_by_the_address(lesson: Lesson, asked: list[Question]) -> None:
    app = opened(PAGE, lesson=lesson.key)
    moved: dict[str, float | str] = {}
    for control in lesson.controls:
        match control:
            case Choice():
                moved[control.name] = control.options[-1].value
            case Number(whole=True):
                moved[control.name] = int(control.high if control.high != control.default else control.low)
            case Number():
                moved[control.name] = control.low
        move(app, control.name, moved[control.name])
        assert stood_at(asked[-1]) == settle(lesson.key, moved)
    address = {name: str(app.query_params[name]) for name in ("lesson", "set") if name in app.query_params}
    answer_cache.clear()
    restored = opened(PAGE, **address)
    assert not restored.error
    assert stood_at(asked[-1]) == settle(lesson.key, moved)
    other = next(other for other in LESSONS if other is not lesson)
    restored.button_group(key="shown_lesson").set_value(other.key).run()
    assert "set" not in restored.query_params, "what was set means nothing in another lesson"
    assert stood_at(asked[-1]) == settle(other.key, {})


@pytest.mark.parametrize("cause", ["no_grad", "integer", "argmax", "item"])
def test_where_nothing_was_recorded_words_say_so_and_the_repaired_graph_is_named(cause: str) -> None:
    app = opened(PAGE, lesson="missing-gradients", set=f"cause={cause}")
    words = [m.value for m in app.markdown]
    broken, repaired = run("missing-gradients", {"cause": cause}).steps[-1].graphs
    at = words.index(f"**{plain(title(broken))}**")
    assert "No graph was recorded" in words[at + 1]
    assert broken.name in words[at + 1]
    assert words[at + 2] == f"**{plain(title(repaired))}**"
    assert "after the fix" in words[at + 2]


def test_a_drawn_graph_is_told_in_words_to_those_who_do_not_see_it() -> None:
    app = opened(PAGE, lesson="missing-gradients")
    drawing = app.get("graphviz_chart")[0].proto
    assert "Computation graph of loss. " in str(drawing)
    assert "a value without a gradient as its input" in str(drawing)


def test_the_reduction_changes_its_figure() -> None:
    app = opened(PAGE, lesson="partial-derivatives")
    before = chart(app, "sigmoid_of_ten_0")
    move(app, "reduction", "sum")
    after = chart(app, "sigmoid_of_ten_0")
    assert [trace["name"] for trace in before["data"]] == ["mean", "sum, not chosen"]
    assert [trace["name"] for trace in after["data"]] == ["sum", "mean, not chosen"]
    assert before["data"][0]["y"] == after["data"][1]["y"] != after["data"][0]["y"]
    assert after["data"][1]["opacity"] < after["data"][0]["opacity"]


def test_a_control_changes_its_figure() -> None:
    app = opened(PAGE, lesson="first-layer")
    before = values(chart(app, "three_right_ways_0"))
    move(app, "activation", "relu")
    after = values(chart(app, "three_right_ways_0"))
    np.testing.assert_array_equal(before, run("first-layer", {}).array("three_right_ways", "jacobian"))
    assert (after == 0).all(axis=1).any(), "a neuron that is off has a row of zeros"


@every_lesson
def test_the_answer_is_shown_once_one_is_chosen_and_not_before(lesson: Lesson, asked: list[Question]) -> None:
    app, prediction = opened(PAGE, lesson=lesson.key), lesson.prediction
    key = f"prediction_{lesson.key}"

    def said() -> bool:
        return any(plain(prediction.why) in m.value for m in app.markdown)

    assert app.radio(key=key).value is None
    app.button(key=f"check_{key}").click().run()
    assert not said()
    assert any("Choose an answer first" in i.value for i in app.info)
    wrong = (prediction.right + 1) % len(prediction.answers)
    right, not_right = (f"“{plain(prediction.answers[i])}”" for i in (prediction.right, wrong))
    app.radio(key=key).set_value(wrong)
    app.button(key=f"check_{key}").click().run()
    assert any(m.value.startswith(f"Your answer: {not_right} **Not correct.**") for m in app.markdown)
    assert not said(), "there is a second try"
    assert not any(right in m.value for m in app.markdown)
    assert stood_at(asked[-1]) == settle(lesson.key, dict(prediction.moved))
    assert app.get("plotly_chart") or lesson.key == "pushing-a-neuron", "what came is shown"
    assert guess_in(app) == str(wrong)
    app.radio(key=key).set_value(prediction.right)
    app.button(key=f"check_{key}").click().run()
    assert any(m.value.startswith(f"Your answer: {right} **Correct.**") for m in app.markdown)
    assert said()
    assert f"show_{key}" not in [button.key for button in app.button]
    assert not app.error
    assert not app.exception


@every_lesson
def test_the_answer_is_shown_to_whoever_asks_for_it_and_stays_in_the_address(lesson: Lesson) -> None:
    prediction, key = lesson.prediction, f"prediction_{lesson.key}"
    wrong = (prediction.right + 1) % len(prediction.answers)
    app = opened(PAGE, lesson=lesson.key, guess=str(wrong))
    app.button(key=f"show_{key}").click().run()
    assert guess_in(app) == "shown"
    answer_cache.clear()
    for page in (app, opened(PAGE, lesson=lesson.key, guess="shown")):
        (answer,) = [m.value for m in page.markdown if m.value.startswith("The answer: ")]
        assert plain(prediction.answers[prediction.right]) in answer
        assert plain(prediction.why) in answer
        assert not [m for m in page.markdown if "Your answer" in m.value]
        assert page.radio(key=key).value == prediction.right
        assert not page.error


def guess_in(app: AppTest) -> str:
    found = app.query_params["guess"]
    return found if isinstance(found, str) else found[0]


def test_what_the_lessons_speak_of_is_said_before_the_first_alone() -> None:
    first = [m.value for m in opened(PAGE).markdown]
    assert FIRST_WORDS in first
    assert first.index(FIRST_WORDS) < first.index(plain(LESSONS[0].before))
    assert FIRST_WORDS not in [m.value for m in opened(PAGE, lesson=LESSONS[1].key).markdown]


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"lesson": "<script>"}, "Lesson cannot be '<script>'"),
        ({"set": "speed=3"}, "no control 'speed'"),
        ({"set": "scale=nan"}, "Input times cannot be 'nan': it must be a number from -3 to 3"),
        ({"set": "scale=1e99"}, "Input times cannot be '1e99'"),
        ({"set": "activation=tanh"}, "After the layer cannot be 'tanh'"),
        ({"set": "neuron=5"}, "Output neuron cannot be 5"),
        ({"guess": "9"}, "There is no answer '9': there are 3, from 0 to 2"),
    ],
)
def test_a_crafted_address_gets_one_sentence_and_runs_nothing_else(choices: dict[str, str], sentence: str) -> None:
    app = opened(PAGE, **choices)
    (said,) = errors(app)
    assert sentence in said.replace("\\", "")
    assert len(app.get("plotly_chart")) == (4 if "guess" in choices else 0), "an answer comes after the lesson"
    next(button for button in app.button if button.label == "Continue without it").click().run()
    assert not app.error
    assert len(app.get("plotly_chart")) == 4


@every_lesson
def test_pictures_draw_the_numbers_of_their_arrays_and_say_what_they_are(lesson: Lesson) -> None:
    result = run(lesson.key, {})
    for step in result.steps:
        for picture in step.pictures:
            arrays = [result.arrays[LessonResult.name_of(step.name, name)] for name in picture.arrays]
            figure = draw(picture, arrays)
            traces = figure.data
            match picture.kind:
                case "heatmap":
                    np.testing.assert_allclose(traces[0].z, arrays[0], rtol=1e-6)
                case "tiles":
                    drawn = traces[0].z[np.isfinite(traces[0].z)]
                    np.testing.assert_array_equal(np.sort(drawn), np.sort(arrays[0].ravel()))
                    rows, columns = traces[0].z.shape
                    assert figure.layout.height <= WIDTH * rows / columns + BAR + 1, "it would sink to the bottom"
                case "bars":
                    assert [trace.name for trace in traces] == list(picture.labels)
                    for trace, array in zip(traces, arrays, strict=True):
                        np.testing.assert_array_equal(trace.y, array.ravel())
                case "lines":
                    assert [trace.name for trace in traces] == list(picture.labels)
                    for trace, array in zip(traces, arrays[1:], strict=True):
                        np.testing.assert_array_equal((trace.x, trace.y), (arrays[0], array))
            said = alt(picture, arrays)
            assert picture.title in said
            assert picture.unit in said


def test_a_missing_gradient_is_drawn_and_read_out_as_none() -> None:
    result = run("missing-gradients", {"cut": "hidden"})
    step = result.steps[0]
    (picture,) = step.pictures
    array = result.array(step.name, picture.arrays[0])
    assert [note.text for note in draw(picture, [array]).layout.annotations] == ["None"] * 3
    assert "None, None, None, 0." in alt(picture, [array])
