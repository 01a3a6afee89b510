"""Whatever a reader raises is a sentence for the person, and a line with its place for whoever runs GradViz."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from gradviz_core import images
from gradviz_core.errors import BadImage, BadModel, GradVizError, QuestionError
from gradviz_core.text import codec
from gradviz_core.text.readers import WENT_WRONG, reading
from gradviz_core.uploads import archive, label_files, model_files
from gradviz_core.uploads.exported.outputs import read_tree
from tests.hostile import exported_files, pictures, weights
from tests.hostile.formats import FORMATS, complaint

RECIPE = FORMATS["recipe"].sound()[0]
SECRET = "what the file holds at /home/somebody/private"


class Unthought(Exception):
    """An error of a kind that no reader expects."""


def fails(*_: object, **__: object) -> Any:
    raise Unthought(SECRET)


READERS: dict[str, tuple[Callable[[], object], str, type[GradVizError], str]] = {
    "an image": (
        lambda: images.inspect(pictures.picture("PNG")),
        "gradviz_core.images.decoding.in_rgb",
        BadImage,
        "image",
    ),
    "an array": (
        lambda: images.inspect(FORMATS["npy"].sound()[0], (0, 1)),
        "gradviz_core.images.arrays._as_picture",
        BadImage,
        "image",
    ),
    "a state dict": (
        lambda: model_files.inspect(weights.sound()),
        "gradviz_core.uploads.weights_files.read",
        BadModel,
        "model file",
    ),
    "an archive": (
        lambda: model_files.inspect(weights.sound()),
        "gradviz_core.uploads.archive._lines",
        BadModel,
        "model file",
    ),
    "an exported program": (
        lambda: model_files.inspect(exported_files.sound()),
        "gradviz_core.uploads.exported.GraphModule",
        BadModel,
        "model file",
    ),
    "labels": (
        lambda: label_files.read(b"cat"),
        "gradviz_core.uploads.label_files._label",
        BadModel,
        "file of labels",
    ),
    "a question": (
        lambda: codec.question_from_json(FORMATS["question"].sound()[0]),
        "gradviz_core.text.codec._check_limits",
        QuestionError,
        "question",
    ),
    "a recipe": (
        lambda: codec.recipe_from_json(RECIPE),
        "gradviz_core.text.codec._check_recipe",
        BadModel,
        "recipe",
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_an_error_that_nobody_thought_of_is_a_sentence_and_a_place_in_the_log(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read, part, kind, what = READERS[name]
    read()
    monkeypatch.setattr(part, fails)
    with pytest.raises(kind, match=f"^{WENT_WRONG} while the {what} was read") as caught:
        read()
    assert SECRET not in str(caught.value) + caplog.text
    (line,) = [record.getMessage() for record in caplog.records if record.name == "gradviz.worker"]
    assert re.fullmatch(rf"reading the {what} failed: Unthought at \w+\.py:\d+", line), line
    assert line.rpartition(" ")[2].partition(":")[0] != "readers.py", "our innermost line, and not the one that catches"


def test_running_out_of_memory_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")):

        def short(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(archive, "names", short)
        with pytest.raises(BadModel, match="Reading the model file needs more memory than is available"):
            model_files.inspect(weights.sound())


def test_our_own_sentences_stay_as_they_are() -> None:
    with pytest.raises(BadModel, match=r"^It is none\.$"), reading("recipe", BadModel):
        raise BadModel("It is none.")


def test_the_fuzzer_takes_such_a_sentence_for_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradviz_core.uploads.label_files._label", fails)
    assert re.fullmatch(rf"Unthought: {SECRET} at label_files\.py:\d+", complaint(FORMATS["labels"], b"cat"))


def test_what_was_not_thought_of_once_has_a_sentence_of_its_own() -> None:
    spec = json.dumps([1, {"type": ["a", "list"], "context": None, "children_spec": []}])
    with pytest.raises(BadModel, match="a type has no name"):
        read_tree(spec, 2)
    wrong = exported_files.edited(exported_files.MODEL, lambda program: program.update(verifiers={"ATEN": 1}))
    with pytest.raises(BadModel, match="verifiers is missing or of the wrong type"):
        model_files.inspect(wrong)
