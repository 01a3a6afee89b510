"""The recipe "Add a kind of question" of CONTRIBUTING.md: two files of one name, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.recipes.scratch import copied

TYPES = '''
"""How many numbers of the input gradient are positive: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.targets import ClassScore, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class SignsQuestion(AboutAModel["SignsAnswer"]):
    """How many are positive?"""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    seed: int = 0
    kind: Literal["signs"] = field(default="signs", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignsAnswer(Answer):
    """``positive`` of them; ``arrays`` holds ``signs``, one for each."""

    question: SignsQuestion
    positive: int
    receipt: Receipt
    arrays: Arrays
    kind: Literal["signs"] = field(default="signs", repr=False)
'''
FUNCTION = '''
"""How many numbers of the input gradient are positive."""

from __future__ import annotations

from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.tracing.trace import differentiate
from gradviz_core.types import INPUT
from gradviz_core.types.signs import SignsAnswer, SignsQuestion


def needs(question: SignsQuestion) -> Needs:
    """The input, and the site that the target is read from."""
    return about(question.target)


def size(question: SignsQuestion, known: Known) -> Size:
    """The gradient at the input."""
    return Size(known.of(INPUT))


def answer(scene: Scene, question: SignsQuestion, notes: tuple[str, ...], clock: Clock) -> SignsAnswer:
    """The signs, counted."""
    _, score = scene.select(question.target)
    slope = differentiate(scene.trace, score, (INPUT,), keep_graph=scene.remembered)[INPUT]
    arrays = {"signs": as_numpy(slope.sign())}
    return SignsAnswer(question=question, positive=int((slope > 0).sum()), receipt=clock.receipt(), arrays=arrays)
'''
ASKED = """
import json

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.compute import worker
from gradviz_core.compute.downloads import Wanted
from gradviz_core.text.codec import answer_from_bytes, question_from_json, question_to_json
from gradviz_core.types.signs import SignsAnswer, SignsQuestion

question = SignsQuestion(model="preset/shapes-cnn", image="sample/star")
text, answerer, files = question_to_json(question), Answerer("cpu"), []
assert question_from_json(text) == question
here = gv.answer(question)
word, body = worker.reply(answerer, "ask", text.encode())
sent = answer_from_bytes(body)
assert isinstance(sent, SignsAnswer)
gradient = gv.answer(gv.GradientQuestion(model=question.model, image=question.image)).gradients[gv.INPUT]
done, _ = worker.reply(answerer, "arrays", Wanted(text).to_json(), hand_over=lambda size, write: not files.append(size))
print(json.dumps({
    "library": gv.__file__,
    "said": [word, done],
    "positive": [here.positive, sent.positive, int((gradient > 0).sum())],
    "shape": list(sent.arrays["signs"].shape),
    "file": files[0],
}))
"""
SCRIPT = r'''
"""How many numbers of the gradient are positive at each pixel, less how many are negative."""

from gradviz_core.drawing import fields, figures, how_to_read, snippets
from gradviz_core.drawing.captions import Caption
from gradviz_core.types.signs import SignsQuestion
from pages.layout import code, frame
from pages.shell import download_menu, panel
from pages.shell.asking import ask, one_sentence
from pages.shell.panel import Picture

COUNTED = "shown = ((shown > 0) * 1.0 - (shown < 0) * 1.0).sum(axis=0)\n"

choice = frame.begin_with_score("Signs", "Which sign the gradient has.")
with one_sentence():
    question = SignsQuestion(model=choice.model, image=choice.image, target=choice.target, seed=choice.draw)
    answer = ask(question, "Counting signs …")
    field = fields.signed_sum(answer.arrays["signs"])
    read = how_to_read.HowToRead("Each pixel counts signs.", "Red: more are positive.", "Sizes are not shown.")
    caption = Caption(f"{answer.positive} numbers are positive.", r"\sum_c \operatorname{sign} g", (), read)
    panel.picture(Picture(figures.heatmap(field), caption), "signs")
    download_menu.menu(choice, ["signs"], answer, "signs")
    code.panel(choice, {"Signs": lambda at: snippets.saliency(at, choice.target, "gradient", "channel") + COUNTED})
'''
CARD = '''
"""Signs, at /signs."""

from pages.layout import contents

PAGE = contents.Page("Signs", "pages/explore/signs.py", section="Explore", order=15)

if __name__ == "__main__":
    contents.first_visit()
'''


def test_a_kind_of_question_is_its_types_and_its_function(tmp_path: Path) -> None:
    scratch = copied(tmp_path / "copy")
    pair = {"gradviz_core/types/signs.py": TYPES, "gradviz_core/answers/signs.py": FUNCTION}
    scratch.write(pair)
    seen = json.loads(scratch.run("-c", ASKED).splitlines()[-1])
    assert seen["library"].startswith(str(scratch.folder))
    assert seen["said"] == ["ok", "ok"]
    here, sent, counted = seen["positive"]
    assert here == sent == counted > 0
    assert seen["shape"] == [1, 3, 96, 96]
    assert seen["file"] > 4 * 3 * 96 * 96, "the whole array is in the download"
    assert scratch.changed() == set(pair)
    page = {"pages/explore/signs.py": SCRIPT, "pages/signs.py": CARD}
    scratch.write(page)
    address = {"model": "preset/shapes-cnn", "image": "sample/star", "target": "2"}
    shown = scratch.visit(page="pages/explore/signs.py", choices=address, picture="signs", program="Signs")
    assert shown["errors"] == []
    assert shown["kinds"][-1] == "signs"
    assert (shown["size"], shown["apart"]) == (3.0, 0.0)
    assert any("numbers are positive." in text for text in shown["texts"])
    assert shown["question"]["kind"] == "signs"
    assert shown["arrays"]["signs"] == [1, 3, 96, 96]
    assert any("GradViz: signs, signs" in line for line in shown["titles"])
    assert scratch.changed() == {*pair, *page}
