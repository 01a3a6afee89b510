"""The recipe "Add a page" of CONTRIBUTING.md: one file that draws it, and its card."""

from __future__ import annotations

from pathlib import Path

from tests.recipes.scratch import copied

SCRIPT = '''
"""The gradient of a score, and nothing else."""

from gradviz_core.drawing import snippets
from gradviz_core.types import GradientQuestion
from gradviz_core.types.views import VIEWS
from pages.layout import code, frame
from pages.shell import address, download_menu, panel, saliency, widgets
from pages.shell.asking import ask, one_sentence

choice = frame.begin_with_score("Plain", "A page of its own.")
with one_sentence():
    with panel.controls():
        strength = widgets.percent("Strength", "strength", 100, "How strongly it is drawn")
    question = GradientQuestion(model=choice.model, image=choice.image, target=choice.target, seed=choice.draw)
    answer = ask(question, "Computing the gradient …")
    picture = saliency.draw(answer, VIEWS[0], choice.survey.card, strength / 100, None)
    panel.picture(picture, "plain")
    download_menu.menu(choice, ["plain"], answer, "plain")
    code.panel(choice, {"Plain": lambda at: snippets.saliency(at, choice.target, "gradient", VIEWS[0].name)})
'''
CARD = '''
"""The plain page, at /plain."""

from pages.layout import contents
from pages.shell.parameters import Parameter

PAGE = contents.Page(
    "Plain", "pages/explore/plain.py", section="Explore", order=15, parameters=(Parameter("strength"),)
)

if __name__ == "__main__":
    contents.first_visit()
'''


def test_a_page_is_its_script_and_its_card(tmp_path: Path) -> None:
    scratch = copied(tmp_path / "copy")
    pair = {"pages/explore/plain.py": SCRIPT, "pages/plain.py": CARD}
    scratch.write(pair)
    address = {"model": "preset/shapes-cnn", "image": "sample/star", "target": "2", "strength": "40"}
    seen = scratch.visit(
        page="pages/explore/plain.py",
        choices=address,
        picture="plain",
        program="Plain",
        moved={"strength": 60},
    )
    assert seen["errors"] == []
    assert "Plain" in seen["headings"]
    assert seen["address"].items() >= (address | {"strength": "60"}).items()
    assert seen["size"] > 0
    assert seen["apart"] < 1e-6
    assert any("changes with each pixel: signed sum over the 3 channels" in text for text in seen["texts"])
    assert seen["arrays"]["gradient/.input"] == [1, 3, 96, 96]
    assert scratch.changed() == set(pair)
