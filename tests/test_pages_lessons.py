"""The lessons page without a browser: every step of every lesson, its question, its controls and its address."""

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
from gradviz_core.types.lesson_cards import Asked, Lesson, LessonResult, StepResult
from pages.learn.lesson_contents import PREDICT, entries
from pages.shell.answer_cache import answer_cache
from pages.shell.words import explained, plain
from tests.opening import answer_here, chart, errors, opened, values

PAGE = "pages/learn/lessons.py"
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
STEPS = [(lesson, entry.key) for lesson in LESSONS for entry in entries(lesson)]
every_step = pytest.mark.parametrize(("lesson", "step"), STEPS, ids=[f"{lesson.key}-{key}" for lesson, key in STEPS])


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


def ran(lesson: Lesson, step: str) -> tuple[StepResult, Asked]:
    """What the page shows of the step, and the question that it asks."""
    if step != PREDICT:
        done = next(done for done in run(lesson.key, {}).steps if done.key == step)
        return done, done.asked
    said = lesson.prediction
    done = next(done for done in run(lesson.key, dict(said.moved)).steps if done.name == said.step)
    return done, Asked(said.question, said.answers, said.right, said.why)


@every_step
def test_code_claims_numbers_graph_and_figures_are_those_of_the_run(lesson: Lesson, step: str) -> None:
    app = opened(PAGE, lesson=lesson.key, lesson_step=step, guess="shown")
    assert not app.error
    done, _ = ran(lesson, step)
    codes, words = [c.value for c in app.code], [m.value for m in app.markdown]
    imports, program = codes[:2]
    assert f"{imports.strip()}\n\n\n{program.strip()}" == done.program.strip(), "nothing is left out but folded"
    (fold,) = [each for each in app.expander if each.label == "imports"]
    assert [code.value for code in fold.code] == [imports]
    assert not fold.proto.expanded
    for claim in done.claims:
        assert any("**Checked:**" in word and explained(claim.sentence) in word for word in words), claim
    for output in done.outputs:
        if output.kind == "error":
            assert output.text in codes
    assert len(app.get("graphviz_chart")) == sum(r.graph is not None for r in done.graphs)
    assert all(any(plain(title(r)) in word for word in words) for r in done.graphs)
    assert len(app.get("plotly_chart")) == len(done.pictures)
    assert not [s for s in app.sidebar.selectbox if s.label == "Model"], "a lesson needs none"


@every_lesson
def test_every_control_is_asked_with_and_restored_by_the_address(lesson: Lesson, asked: list[Question]) -> None:
    app = opened(PAGE, lesson=lesson.key)
    moved: dict[str, float | str] = {}
    for control in lesson.controls:
        step = next(card.key for card in lesson.steps if control.name in card.controls)
        app = opened(PAGE, **address(app), lesson_step=step)
        match control:
            case Choice():
                moved[control.name] = control.options[-1].value
            case Number(whole=True):
                moved[control.name] = int(control.high if control.high != control.default else control.low)
            case Number():
                moved[control.name] = control.low
        move(app, control.name, moved[control.name])
        assert stood_at(asked[-1]) == settle(lesson.key, moved)
    answer_cache.clear()
    restored = opened(PAGE, **address(app))
    assert not restored.error
    assert stood_at(asked[-1]) == settle(lesson.key, moved)
    other = next(other for other in LESSONS if other is not lesson)
    restored.selectbox(key="shown_lesson").set_value(other.key).run()
    for name in ("set", "lesson_step", "guess"):
        assert name not in restored.query_params, "what was chosen means nothing in another lesson"
    assert stood_at(asked[-1]) == settle(other.key, {})


def address(app: AppTest) -> dict[str, str]:
    """The lesson and its controls, as the address says."""
    return {name: str(app.query_params[name]) for name in ("lesson", "set") if name in app.query_params}


@pytest.mark.parametrize("cause", ["no_grad", "integer", "argmax", "item"])
def test_where_nothing_was_recorded_words_say_so_and_the_repaired_graph_is_named(cause: str) -> None:
    app = opened(PAGE, lesson="missing-gradients", set=f"cause={cause}", lesson_step="cause", guess="shown")
    words = [m.value for m in app.markdown]
    broken, repaired = run("missing-gradients", {"cause": cause}).steps[-1].graphs
    at = words.index(f"**{plain(title(broken))}**")
    assert "No graph was recorded" in words[at + 1]
    assert broken.name in words[at + 1]
    assert words[at + 2] == f"**{plain(title(repaired))}**"
    assert "after the fix" in words[at + 2]


def test_a_drawn_graph_is_told_in_words_to_those_who_do_not_see_it() -> None:
    app = opened(PAGE, lesson="missing-gradients", lesson_step="detached", guess="shown")
    drawing = app.get("graphviz_chart")[0].proto
    assert "Computation graph of loss. " in str(drawing)
    assert "a value without a gradient as its input" in str(drawing)


def test_the_reduction_changes_its_figure() -> None:
    app = opened(PAGE, lesson="partial-derivatives", lesson_step="sigmoid_of_ten", guess="shown")
    before = chart(app, "sigmoid_of_ten_0")
    move(app, "reduction", "sum")
    after = chart(app, "sigmoid_of_ten_0")
    assert [trace["name"] for trace in before["data"]] == ["mean", "sum, not chosen"]
    assert [trace["name"] for trace in after["data"]] == ["sum", "mean, not chosen"]
    assert before["data"][0]["y"] == after["data"][1]["y"] != after["data"][0]["y"]
    assert after["data"][1]["opacity"] < after["data"][0]["opacity"]


def test_a_control_changes_its_figure() -> None:
    app = opened(PAGE, lesson="first-layer", lesson_step="three_right_ways", guess="shown")
    before = values(chart(app, "three_right_ways_0"))
    move(app, "activation", "relu")
    after = values(chart(app, "three_right_ways_0"))
    np.testing.assert_array_equal(before, run("first-layer", {}).array("three_right_ways", "jacobian"))
    assert (after == 0).all(axis=1).any(), "a neuron that is off has a row of zeros"


@every_step
def test_nothing_of_the_results_is_shown_before_an_answer_is_chosen(
    lesson: Lesson, step: str, asked: list[Question]
) -> None:
    app, (done, question) = opened(PAGE, lesson=lesson.key, lesson_step=step), ran(lesson, step)
    key = f"prediction_{lesson.key}_{step}"
    assert app.radio(key=key).value is None
    assert app.radio(key=key).label == plain(question.text)
    app.button(key=f"check_{key}").click().run()
    assert any("Choose an answer first" in i.value for i in app.info)
    words = [m.value for m in app.markdown]
    assert not any("Checked:" in word for word in words)
    assert not question.told or explained(done.sentence) not in words
    assert question.told or step == PREDICT or explained(done.sentence) in words
    assert not app.get("plotly_chart")
    assert not app.get("graphviz_chart")
    assert len(app.code) == 2, "the code that will run"
    wrong, right = (question.right + 1) % len(question.answers), question.right
    app.radio(key=key).set_value(wrong)
    app.button(key=f"check_{key}").click().run()
    said = [m.value for m in app.markdown if "Your answer" in m.value]
    assert len(said) == 1
    assert f"“{plain(question.answers[wrong])}” **Not correct.**" in said[0]
    assert any("Checked:" in m.value for m in app.markdown), "the results are shown"
    assert not any(reason in m.value for m in app.markdown for reason in reasons(done, question)), "a second try"
    assert guess_in(app) == str(wrong)
    app.radio(key=key).set_value(right)
    app.button(key=f"check_{key}").click().run()
    (verdict,) = [m.value for m in app.markdown if "Your answer" in m.value]
    assert "**Correct.**" in verdict
    assert plain(question.answers[right]) in verdict
    assert all(any(reason == m.value for m in app.markdown) for reason in reasons(done, question))
    assert not app.radio
    assert not app.error
    assert not app.exception
    moved = dict(lesson.prediction.moved) if step == PREDICT else {}
    assert [stood_at(each) for each in asked if isinstance(each, LessonQuestion)] == [settle(lesson.key, moved)], "once"


def reasons(done: StepResult, question: Asked) -> list[str]:
    """What is said of the correct answer alone."""
    return [explained(text) for text in (done.sentence if question.told else "", question.why) if text]


@every_step
def test_the_answer_is_shown_to_whoever_asks_for_it_and_stays_in_the_address(lesson: Lesson, step: str) -> None:
    _, question = ran(lesson, step)
    app = opened(PAGE, lesson=lesson.key, lesson_step=step)
    app.button(key=f"show_prediction_{lesson.key}_{step}").click().run()
    assert guess_in(app) == "shown"
    assert app.query_params["lesson_step"] in (step, [step])
    answer_cache.clear()
    for page in (app, opened(PAGE, lesson=lesson.key, lesson_step=step, guess="shown")):
        (answer,) = [m.value for m in page.markdown if m.value.startswith("The answer is ")]
        assert plain(question.answers[question.right]) in answer
        assert not [m for m in page.markdown if "Your answer" in m.value]
        assert not page.radio
        assert not page.error


def test_an_answer_from_before_there_were_steps_is_one_to_the_question_at_the_end() -> None:
    """Addresses that people have kept."""
    for lesson in LESSONS:
        app = opened(PAGE, lesson=lesson.key, guess=str(lesson.prediction.right))
        assert any(explained(lesson.prediction.why) == m.value for m in app.markdown), lesson.key
        first = opened(PAGE, lesson=lesson.key)
        assert any(explained(lesson.before) == m.value for m in first.markdown)
        assert first.radio[0].label == plain(run(lesson.key, {}).steps[0].asked.text)


def test_an_answer_is_not_judged_by_controls_that_were_moved_afterwards() -> None:
    app = opened(PAGE, lesson="missing-gradients", lesson_step="detached", guess="0")
    assert any("**Correct.**" in m.value for m in app.markdown)
    move(app, "cut", "hidden")
    (said,) = [m.value for m in app.markdown if m.value.startswith("With these controls the answer is")]
    assert "Those of x and of the first layer" in said
    assert not any("orrect.**" in m.value for m in app.markdown)


def guess_in(app: AppTest) -> str:
    found = app.query_params["guess"]
    return found if isinstance(found, str) else found[0]


def test_what_the_lessons_speak_of_is_said_behind_what_is_this() -> None:
    for lesson in LESSONS:
        assert any(FIRST_WORDS in m.value for m in opened(PAGE, lesson=lesson.key).markdown)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"lesson": "<script>"}, "Lesson cannot be '<script>'"),
        ({"lesson_step": "0"}, "This lesson has no step '0': it must be one of five_outputs_at_once, one_neuron"),
        ({"set": "speed=3"}, "no control 'speed'"),
        ({"set": "scale=nan"}, "Input times cannot be 'nan': it must be a number from -3 to 3"),
        ({"set": "scale=1e99"}, "Input times cannot be '1e99'"),
        ({"set": "activation=tanh"}, "After the layer cannot be 'tanh'"),
        ({"set": "neuron=5", "lesson_step": "one_neuron"}, "Output neuron cannot be 5"),
        ({"guess": "9"}, "There is no answer '9': there are 3, from 0 to 2"),
    ],
)
def test_a_crafted_address_gets_one_sentence_and_runs_nothing_else(choices: dict[str, str], sentence: str) -> None:
    app = opened(PAGE, **choices)
    (said,) = errors(app)
    assert sentence in said.replace("\\", "")
    assert not app.get("plotly_chart")
    assert not app.radio
    next(button for button in app.button if button.label == "Continue without it").click().run()
    assert not app.error
    assert app.radio


@pytest.mark.parametrize(("value", "rule"), [("5", "from 0 to 4"), ("nan", "neuron cannot be 'nan'"), ("x", "'x'")])
def test_a_control_that_the_step_does_not_take_is_refused_all_the_same(value: str, rule: str) -> None:
    (said,) = errors(opened(PAGE, lesson="first-layer", set=f"neuron={value}"))
    assert rule in said.replace("\\", "")


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
