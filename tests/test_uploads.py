"""Uploaded model files from bytes to model: told apart, reported, and made into a model by a recipe."""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from gradviz_core.answers.load import BESIDES, RecentModels, load
from gradviz_core.errors import BadModel, UnknownModel
from gradviz_core.models import architectures, catalogue
from gradviz_core.settings import settings
from gradviz_core.text.codec import MOST_LABELS
from gradviz_core.types.cards import Preprocessing, Recipe
from gradviz_core.uploads import label_files, model_files, store, weights_files
from tests.advice import ends_with_advice
from tests.exported.files import exported_bytes

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("GRADVIZ_STORE", str(tmp_path))
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


def forget() -> None:
    settings.cache_clear()
    store.here.cache_clear()
    model_files._open.cache_clear()


def saved(value: object, zipped: bool = True) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def network(classes: int = 3) -> nn.Module:
    return architectures.build("shapes-cnn", classes).eval()


def exported() -> bytes:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5)).eval()
    out = io.BytesIO()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 8, 8),)), out)
    return out.getvalue()


def recipe_for(data: bytes, architecture: str = "preset/shapes-cnn", labels: tuple[str, ...] = ()) -> Recipe:
    steps = catalogue.preset("shapes-cnn").preprocessing
    return Recipe(store.here().put(data), architecture, "My model", labels, steps)


def key_of(recipe: Recipe) -> str:
    return f"upload/{store.here().keep_recipe(recipe)}"


# ------------------------------------------------------------------------------------------------------------- reports


@pytest.mark.parametrize("form", ["state_dict", "safetensors"])
def test_report_of_weights(form: str) -> None:
    state = network().state_dict()
    data = saved({"state_dict": state}) if form == "state_dict" else safetensors.torch.save(dict(state))
    report = model_files.inspect(data)
    assert report.file == hashlib.sha256(data).hexdigest()
    assert report.format == form
    assert (report.fits[0].architecture, report.fits[0].classes) == ("preset/shapes-cnn", 3)
    assert report.fits[0].preprocessing == catalogue.preset("shapes-cnn").preprocessing
    assert report.parameters == sum(parameter.numel() for parameter in network().parameters())
    assert bool(report.notes) == (form == "state_dict")


def test_what_is_odd_in_the_values_is_in_the_report() -> None:
    state = network().state_dict()
    state["classifier.bias"][0] = float("nan")
    state["features.1.running_var"][0] = -1
    text = " ".join(model_files.inspect(saved(state)).notes)
    assert "NaN" in text
    assert "Negative variances" in text


def test_report_of_an_exported_program() -> None:
    report = model_files.inspect(exported())
    assert report.format == "exported"
    assert report.fits == ()
    assert report.input_shape == (1, 3, 8, 8)
    assert report.classes == 5
    assert report.preprocessing is not None


def test_weights_that_almost_fit_are_refused_with_the_differences() -> None:
    state = network().state_dict()
    del state["classifier.bias"]
    with pytest.raises(BadModel, match=r"do not fit preset/shapes-cnn, one difference: 'classifier.bias' is missing\."):
        model_files.inspect(saved(state))


def test_weights_of_another_architecture_are_refused_with_the_way_out() -> None:
    with pytest.raises(BadModel, match=r"such as 'mine\.weight'\. Put them into your own model\. Export it"):
        model_files.inspect(saved({"mine.weight": torch.zeros(3)}))


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    return out.getvalue()


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipper:
        zipper.writestr(name, b"content " * 20)
    return out.getvalue()


def torchscript() -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), out)
    return out.getvalue()


OTHERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "The file is empty"),
    "one byte": (lambda: b"\x80", "not a model that can be read"),
    "text": (lambda: b"<script>alert(1)</script>", "not a model that can be read"),
    "an image": (picture, "an image, not a model"),
    "Keras, HDF5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(50), "a Keras or other HDF5 file"),
    "Keras, zip": (lambda: zipped("model.weights.h5"), "a Keras model"),
    "another zip": (lambda: zipped("word/document.xml"), "is compressed"),
    "ONNX": (lambda: b"\x08\x0a\x12\x07pytorch\x1a\x052.15.", "an ONNX model"),
    "a legacy module": (lambda: saved(nn.Linear(2, 2), zipped=False), "a whole pickled object"),
    "an index of shards": (lambda: b'{"metadata": {}, "weight_map": {"w": "model-1.safetensors"}}', "holds no weights"),
    "a bare pickle": (lambda: pickle.dumps({"w": 1}), "a bare pickle"),
    "TorchScript": (torchscript, "TorchScript"),
    "a pickled module": (lambda: saved(nn.Linear(2, 2)), "a whole pickled object"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_told_apart(name: str) -> None:
    make, sentence = OTHERS[name]
    with pytest.raises(BadModel) as caught:
        model_files.inspect(make())
    assert sentence in str(caught.value)
    assert ends_with_advice(str(caught.value))


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADVIZ_MODEL_MB", "0.5")
    forget()
    with pytest.raises(BadModel, match=r"The file has 1\.0 MB; the limit is 0\.5 MB"):
        model_files.inspect(bytes(1_000_000))


# -------------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "data",
    [
        b"cat\ndog\nowl\n",
        b"\xef\xbb\xbfcat\r\ndog\r\nowl",
        b"  cat \ndog\nowl\n\n",
        b'["cat", "dog", "owl"]',
        b'{"1": "dog", "0": "cat", "2": "owl"}',
        b'{"dog": 1, "owl": 2, "cat": 0}',
        b'{"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "owl"]}',
        b'{"model_type": "resnet", "id2label": {"0": "cat", "1": "dog", "2": "owl"}}',
    ],
)
def test_labels(data: bytes) -> None:
    assert label_files.read(data) == ("cat", "dog", "owl")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "holds 0 labels"),
        (b"[]", "holds 0 labels"),
        (b"x\n" * (MOST_LABELS + 1), "at most 30,000"),
        (b"x" * 1_000_001, "the limit is 1 MB"),
        (b"x" * 301, "Label 0 is 'xxxx"),
        (b"cat\n\ndog", "Label 1 is '', 0 characters"),
        (b"cat\ndo\x1bg", "Label 1 is"),
        (b"\xff\xfe\x00\xd8", "not UTF-8 text"),
        (b"[1, 2, 3]", "not a list of text labels"),
        (b'{"0": "a", "2": "b"}', "must be 0, 1, 2 and so on"),
        (b'{"0": "a", "00": "b"}', "must be 0, 1, 2 and so on"),
        (b'{"0": "a", "x": "b"}', "must be 0, 1, 2 and so on"),
        (b'{"a": true, "b": 0}', "must be 0, 1, 2 and so on"),
        (b'{"a": 1.0, "b": 0}', "must be 0, 1, 2 and so on"),
        (b'{"0": ["a"]}', "must be 0, 1, 2 and so on"),
        (b'{"0": "a", "0": "b"}', "has a duplicate key"),
        (b'["a", "b', "starts like JSON but is not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "starts like JSON but is not valid JSON"),
        (b"[" + b"9" * 100_000 + b"]", "starts like JSON but is not valid JSON"),
    ],
)
def test_labels_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(BadModel) as caught:
        label_files.read(data)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300


# ------------------------------------------------------------------------------------------------------------- recipes


def test_a_recipe_becomes_a_model() -> None:
    expected = network()
    recipe = recipe_for(saved(expected.state_dict()), labels=("cat", "dog", "owl"))
    key = key_of(recipe)
    model = load(key)
    x = torch.randn(1, 3, 96, 96)
    assert torch.equal(model.module(x), expected(x))
    card = model.card
    assert (card.key, card.title, card.labels, card.preprocessing) == (
        key,
        "My model",
        recipe.labels,
        recipe.preprocessing,
    )
    assert card.digest == recipe.file
    assert card.provenance == f"uploaded file {recipe.file[:12]}"
    assert card.parameters == sum(parameter.numel() for parameter in expected.parameters())


def test_an_exported_program_becomes_a_model() -> None:
    steps = Preprocessing((8, 8), None, (0.5,) * 3, (0.5,) * 3)
    recipe = replace(recipe_for(exported(), ""), preprocessing=steps)
    model = load(key_of(recipe))
    assert model.module(torch.zeros(1, 3, 8, 8)).shape == (1, 5)
    other = replace(recipe, preprocessing=replace(steps, size=(9, 8)))
    with pytest.raises(BadModel, match="takes an input of 1 x 3 x 8 x 8, but the preprocessing makes 1 x 3 x 9 x 8"):
        load(key_of(other))
    grey = replace(recipe, preprocessing=replace(steps, mean=(0.5,), std=(0.5,)))
    with pytest.raises(BadModel, match="but the preprocessing makes 1 x 1 x 8 x 8"):
        load(key_of(grey))


def test_recipes_that_do_not_go_with_the_file() -> None:
    weights, program = saved(network().state_dict()), exported()
    for recipe, sentence in (
        (recipe_for(weights, labels=("cat", "dog")), "There are 2 labels, but the model has 3 classes"),
        (recipe_for(weights, "preset/shapes-vit"), "do not fit preset/shapes-vit"),
        (recipe_for(weights, "torchvision/nothing"), "Unknown architecture 'torchvision/nothing'"),
        (recipe_for(weights, ""), "The file contains only weights"),
        (recipe_for(program), "with its own architecture"),
        (recipe_for(picture()), "an image, not a model"),
    ):
        with pytest.raises(BadModel) as caught:
            load(key_of(recipe))
        assert sentence in str(caught.value)


def test_one_number_may_have_two_names_the_negative_first() -> None:
    """0 is benign and 1 is malignant: the number speaks for the second, whether it is a row of one or a map of one."""
    steps = Preprocessing((8, 8), None, (0.5,) * 3, (0.5,) * 3)
    for last in (nn.Sequential(nn.Flatten(), nn.Linear(64, 1)), nn.Sigmoid(), nn.Flatten(0, 3)):
        module = nn.Sequential(nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1) if isinstance(last, nn.Flatten) else last)
        module.append(last if isinstance(last, nn.Flatten) else nn.Identity())
        data = exported_bytes(module.eval(), torch.zeros(1, 3, 8, 8))
        two = replace(recipe_for(data, "", ("benign", "malignant")), preprocessing=steps)
        card = load(key_of(two)).card
        assert (card.labels, card.against, card.names) == (("malignant",), "benign", ("benign", "malignant"))
        card = load(key_of(replace(two, labels=("malignant",)))).card
        assert (card.labels, card.against) == (("malignant",), "")
        with pytest.raises(BadModel, match=r"There are 3 labels, but the model has a single output. .* negative one"):
            load(key_of(replace(two, labels=("a", "b", "c"))))


def test_what_is_no_longer_there() -> None:
    recipe = recipe_for(saved(network().state_dict()))
    key = key_of(recipe)
    store.here().file(recipe.file).unlink()
    for gone in (key, "upload/" + "0" * 64, "upload/../etc"):
        with pytest.raises(UnknownModel):
            load(gone)


def test_the_file_is_read_once_when_only_labels_change(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(data: bytes) -> weights_files.WeightsFile:
        read.append(len(data))
        return original(data)

    original = weights_files.read
    monkeypatch.setattr(weights_files, "read", counted)
    recipe = recipe_for(saved(network().state_dict()))
    recent = RecentModels(1e9)
    first = recent.get(key_of(recipe), CPU)
    second = recent.get(key_of(replace(recipe, labels=("cat", "dog", "owl"))), CPU)
    assert second.module is first.module
    assert second.card.labels == ("cat", "dog", "owl")
    assert len(read) == 1


def test_models_are_remembered_by_bytes() -> None:
    """Three of 30 MB where there is room for two: the one used longest ago is loaded anew, the others are not."""
    keys = [key_of(recipe_for(saved(network(classes).state_dict()))) for classes in (3, 4, 5)]
    size = BESIDES + sum(tensor.nbytes for tensor in network(5).state_dict().values())
    recent = RecentModels(2 * size)
    first, second = (recent.get(key, CPU) for key in keys[:2])
    assert recent.get(keys[0], CPU) is first
    third = recent.get(keys[2], CPU)
    assert (recent.get(keys[0], CPU) is first, recent.get(keys[2], CPU) is third) == (True, True)
    assert recent.get(keys[1], CPU) is not second


def test_the_latest_model_is_remembered_whatever_it_takes() -> None:
    key = key_of(recipe_for(saved(network().state_dict())))
    recent = RecentModels(0)
    assert recent.get(key, CPU) is recent.get(key, CPU)


def test_one_file_with_other_labels_counts_once() -> None:
    recipe = recipe_for(saved(network().state_dict()))
    keys = [key_of(replace(recipe, title=title)) for title in "abc"]
    recent = RecentModels(2 * BESIDES)
    models = [recent.get(key, CPU) for key in keys]
    assert [recent.get(key, CPU) for key in keys] == models


def test_an_exported_model_for_gigantic_images_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "LARGEST_SIDE", 7)
    with pytest.raises(BadModel, match="takes images of 8 x 8 pixels; the limit is 7 on each side"):
        model_files.inspect(exported())
