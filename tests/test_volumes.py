"""Networks of volumes and clips: how their input is read, what they receive, and that gradients are exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.drawing import screen
from gradviz_core.drawing.screen import one_slice
from gradviz_core.drawing.screen.arrays import MARK
from gradviz_core.errors import BadImage, BadModel, QuestionError
from gradviz_core.types.cards import ArrayFile, ImageFile, Preprocessing
from gradviz_core.types.input_shapes import proposals
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS
from gradviz_core.types.picked_slices import picked
from gradviz_core.uploads import model_files, store
from tests import snippet_runs, volumes
from tests.exported.files import exported_bytes
from tests.image_files import encoded, npy, refusal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


class Weighted(nn.Module):
    """Σ w x over the whole volume, and Σ x, as two scores: the gradient of the first is w."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([(self.get_buffer("weights") * x).sum(), x.sum()])[None]


@pytest.mark.parametrize(
    ("shape", "read"),
    [
        ((1, 3, 16, 112, 112), [(3, 16, False)]),
        ((1, 16, 3, 112, 112), [(3, 16, True), (16, 3, False)]),
        ((1, 1, 96, 96, 96), [(1, 96, False)]),
        ((1, 3, 3, 64, 64), [(3, 3, False), (3, 3, True)]),
        ((1, 8, 4, 64, 64), [(8, 4, False), (4, 8, True)]),
        ((1, None, 1, 32, 32), [(1, 16, True)]),
        ((1, 17, 18, 32, 32), []),
        ((1, None, None, 32, 32), []),
        ((1, 1, 513, 8, 8), []),
    ],
)
def test_which_axis_counts_channels(shape: tuple[int | None, ...], read: list[tuple[int, int, bool]]) -> None:
    found = [(len(steps.mean), steps.slices, steps.slices_first) for steps in proposals(shape)]
    assert found[: len(read)] == read
    assert read or not found


def test_slices_are_picked_from_the_middle_of_equal_parts() -> None:
    assert picked(6, 6) == [0, 1, 2, 3, 4, 5]
    assert picked(9, 3) == [1, 4, 7]
    assert picked(40, 1) == [20]
    assert picked(2, 5) == [0, 0, 1, 1, 1]
    assert picked(1, 4) == [0, 0, 0, 0]


@pytest.mark.parametrize("slices_first", [False, True])
def test_the_gradient_of_a_weighted_sum_is_its_weights(slices_first: bool) -> None:
    steps = Preprocessing((3, 4), None, (0.0, 0.0), (1.0, 2.0), slices=5, slices_first=slices_first)
    weights = torch.tensor(volumes.numbers(*steps.input_shape))
    model = volumes.model(steps, volumes.file(Weighted(weights), steps))
    numbers = volumes.numbers(2, 5, 3, 4)
    answer = gv.answer(gv.GradientQuestion(model=model, image=volumes.kept(numbers), target=gv.ClassScore(0)))
    np.testing.assert_array_equal(answer.gradients[gv.INPUT], weights.numpy())
    received = numbers / np.array([1, 2], np.float32)[:, None, None, None]
    received = received.swapaxes(0, 1) if slices_first else received
    np.testing.assert_array_equal(answer.activations[gv.INPUT][0], received)
    assert answer.score == pytest.approx(float((weights.numpy()[0] * received).sum()), rel=1e-5)
    assert answer.pixels.shape == (5, 3, 4, 3)


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, volumes.OF_CLIPS])
def test_a_file_gives_what_its_network_gives_to_the_last_bit(steps: Preprocessing) -> None:
    network = volumes.of_clips() if steps.slices_first else volumes.of_volumes()
    array = volumes.numbers(9, 3, 12, 14) if steps.slices_first else volumes.numbers(9, 12, 14)
    answer = gv.answer(gv.GradientQuestion(model=volumes.model(steps), image=volumes.kept(array)))
    chosen = array[picked(9, 6)].reshape(6, len(steps.mean), 12, 14)
    each = (np.asarray(numbers, np.float32)[:, None, None] for numbers in (steps.mean, steps.std))
    received = (chosen - next(each)) / next(each)
    x = torch.tensor(received if steps.slices_first else received.swapaxes(0, 1))[None].requires_grad_()
    scores = network(x)[0]
    assert isinstance(answer.target, gv.ClassScore)
    assert answer.target.index == int(scores.argmax())
    scores.max().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(answer.activations[gv.INPUT], x.detach().numpy())
    np.testing.assert_array_equal(answer.gradients[gv.INPUT], x.grad.numpy())
    assert answer.score == scores.max().item()


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, volumes.OF_CLIPS])
def test_gradients_agree_with_finite_differences(steps: Preprocessing) -> None:
    array = volumes.numbers(6, 3, 12, 14) if steps.slices_first else volumes.numbers()
    answer = gv.answer(
        gv.GradientQuestion(model=volumes.model(steps), image=volumes.kept(array), target=gv.ClassScore(1))
    )
    slope, x = answer.gradients[gv.INPUT], torch.tensor(answer.activations[gv.INPUT]).double()
    network = (volumes.of_clips() if steps.slices_first else volumes.of_volumes()).double()
    for place in ((0, 0, 0, 5, 6), (0, -1, -1, 0, 13), (0, -1, 0, 11, 0)):
        step = torch.zeros_like(x)
        step[place] = 1e-5
        change = (network(x + step)[0, 1] - network(x - step)[0, 1]).item() / 2e-5
        assert slope[place] == pytest.approx(change, rel=1e-3, abs=1e-8)


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, volumes.OF_CLIPS])
def test_every_method_gives_a_map_of_all_slices_or_says_what_does(steps: Preprocessing) -> None:
    array = volumes.numbers(6, 3, 12, 14) if steps.slices_first else volumes.numbers()
    model, image = volumes.model(steps), volumes.kept(array)
    at_layer = gv.Site("relu" if steps.slices_first else "out")
    for name, card in METHODS.items():
        wrt = at_layer if card.where == "layer" else gv.INPUT
        options = tuple((each, 64.0 if each == "steps" else value) for each, value in snippet_runs.few(name))
        question = gv.GradientQuestion(model=model, image=image, method=name, wrt=(wrt,), options=options)
        if card.one_picture:
            with pytest.raises(QuestionError, match=r"this model takes 6 slices.*integrated gradients"):
                gv.answer(question)
            continue
        try:
            answer = gv.answer(question)
        except QuestionError:
            assert name in snippet_runs.OF_SOME_MODELS, f"{name} is for every model"
            continue
        value, found = answer.activations[wrt], answer.attributions[wrt]
        assert found.shape == ((1, 1, *value.shape[2:]) if card.one_map else value.shape), name
        assert np.isfinite(found).all(), name
        assert found.any(), name
        for gap in answer.gaps.values():
            assert abs(gap) < 0.05 * abs(answer.score), name


def test_the_colours_of_a_clip_are_those_of_its_channels() -> None:
    """Frames come first, so an axis taken for channels by mistake would have six of them."""
    question = gv.GradientQuestion(
        model=volumes.model(volumes.OF_CLIPS),
        image=volumes.kept(volumes.numbers(6, 3, 12, 14)),
        method="integrated_gradients",
        options=(("steps", 64.0), ("baseline", "white")),
    )
    answer = gv.answer(question)
    assert abs(answer.gaps[gv.INPUT]) < 0.1 * abs(dict(answer.totals)[gv.INPUT])


def test_questions_about_one_picture_are_refused() -> None:
    model, image = volumes.model(), volumes.kept(volumes.numbers())
    for question in (
        gv.PerturbationQuestion(model=model, image=image),
        gv.InsertionQuestion(model=model, image=image),
        gv.KeepingQuestion(model=model, image=image, method="grad_cam", sites=(gv.Site("out"),)),
        gv.TokensQuestion(model=model, image=image),
    ):
        with pytest.raises(QuestionError, match="rows and columns of one picture"):
            gv.answer(question)


# --------------------------------------------------------------------------------------------------------------- images


def test_a_still_image_stands_in_every_slice() -> None:
    model = volumes.model(volumes.OF_CLIPS)
    survey = gv.answer(gv.SurveyQuestion(model=model, image="sample/star"))
    answer = gv.answer(gv.GradientQuestion(model=model, image="sample/star"))
    one = replace(volumes.OF_CLIPS, slices=0, slices_first=False)
    pixels = images.as_seen(images.load("sample/star"), one)
    np.testing.assert_array_equal(survey.pixels, np.stack([pixels] * 6))
    np.testing.assert_array_equal(answer.activations[gv.INPUT], np.stack([images.normalise(pixels, one)] * 6, axis=1))


@pytest.mark.parametrize(
    ("shape", "channels", "axes"),
    [
        ((7, 12, 14), 1, "DHW"),
        ((1, 7, 12, 14), 1, "DHW"),
        ((3, 7, 12, 14), 3, "CDHW"),
        ((7, 3, 12, 14), 3, "DCHW"),
        ((7, 12, 14, 3), 3, "DHWC"),
        ((1, 7, 12, 14, 5), 5, "DHWC"),
    ],
)
def test_how_an_array_is_read(shape: tuple[int, ...], channels: int, axes: str) -> None:
    steps = Preprocessing((12, 14), None, (0.0,) * channels, (1.0,) * channels, slices=7)
    array = volumes.numbers(*shape)
    key = volumes.kept(array)
    bare = array.reshape(shape[-len(axes) :])
    expected = bare[None] if axes == "DHW" else np.moveaxis(bare, axes.index("C"), 0)
    loaded = images.load_slices(key, steps)
    assert loaded.array is not None
    np.testing.assert_array_equal(loaded.array.numbers, expected)
    file = ArrayFile(axes, channels, batched=len(shape) > len(axes), value_range=None)  # type: ignore[arg-type]
    assert images.describe(key, steps) == ImageFile("NPY", array=file, frames=7)


def test_whole_numbers_of_8_bits_are_pixels() -> None:
    array = np.arange(6 * 12 * 14, dtype=np.uint8).reshape(6, 12, 14)
    answer = gv.answer(gv.GradientQuestion(model=volumes.model(), image=volumes.kept(array)))
    np.testing.assert_array_equal(answer.activations[gv.INPUT][0, 0], array.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(
    ("array", "channels", "says"),
    [
        (np.zeros((7, 12, 14)), 3, "takes 3 channels"),
        (np.zeros((3, 3, 12, 14)), 3, "more than one axis may count the 3 channels"),
        (np.zeros((5, 6, 12, 14)), 3, "no axis that can count them has 3"),
        (np.full((7, 12, 14), np.nan), 1, "NaN"),
        (np.full((7, 12, 14), 1e60), 1, "infinite or too large"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(array: np.ndarray, channels: int, says: str) -> None:
    steps = Preprocessing((12, 14), None, (0.0,) * channels, (1.0,) * channels, slices=7)
    assert says in refusal(lambda: images.load_slices(volumes.kept(array), steps))


def test_slices_are_for_models_of_slices_and_bands_are_not_of_colours() -> None:
    key = volumes.kept(volumes.numbers(20, 20, 24))
    assert "this model takes one picture" in refusal(lambda: images.load(key))
    assert "this model takes one picture" in refusal(lambda: images.load_bands(key, 12))
    steps = Preprocessing((12, 14), None, (0.0,) * 5, (1.0,) * 5, slices=7)
    with pytest.raises(BadImage, match="slices of 5 channels"):
        images.load_slices("sample/star", steps)
    report, kept = images.inspect(npy(volumes.numbers(20, 20, 24)))
    assert (report.width, report.height, report.format) == (24, 20, "NPY")
    assert "20 × 20 × 24" in report.notes[0]
    assert kept == npy(volumes.numbers(20, 20, 24))
    assert images.inspect(encoded(Image.new("L", (5, 4))))[0].format == "PNG"


# --------------------------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((1, 17, 18, 4, 4), r"1 x 17 x 18 x 4 x 4; GradViz supports .* of up to 512 slices"),
        ((1, 1, 600, 4, 4), "up to 512 slices"),
        ((1, 1, 4, 4, 4, 4), "GradViz supports"),
        ((1, 3, 64, 224, 224), "gradient and pictures of all slices 20 MB together"),
        ((1, 1, 2, 641, 8), "at most 640 pixels"),
        ((2, 1, 4, 8, 8), "exported for 2 images at a time"),
    ],
)
def test_other_shapes_are_refused(shape: tuple[int, ...], says: str) -> None:
    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean().reshape(1, 1)

    with pytest.raises(BadModel, match=says):
        model_files.inspect(exported_bytes(Mean(), torch.zeros(shape)))


def test_a_preprocessing_has_as_many_slices_as_the_network_takes() -> None:
    data = volumes.sound(volumes.OF_VOLUMES)
    for steps in (replace(volumes.OF_VOLUMES, slices=7), replace(volumes.OF_VOLUMES, slices=0)):
        with pytest.raises(BadModel, match="takes an input of 1 x 1 x 6 x 12 x 14"):
            gv.answer(gv.SurveyQuestion(model=volumes.model(steps, data), image="sample/star"))
    assert model_files.inspect(data).preprocessing == replace(volumes.OF_VOLUMES, resize=None)
    with pytest.raises(BadModel, match="1 to 512"):
        volumes.model(replace(volumes.OF_VOLUMES, slices=513), data)


# --------------------------------------------------------------------------------------------------------------- frames


def moving(count: int = 7) -> list[Image.Image]:
    """Frames in which a square goes from left to right, on a ground that stays."""
    frames = []
    for number in range(count):
        pixels = np.full((12, 14, 3), 200, np.uint8)
        pixels[3:8, number : number + 5] = (10 * number, 0, 90)
        frames.append(Image.fromarray(pixels))
    return frames


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("TIFF", {})])
def test_frames_and_pages_are_slices(kind: str, options: dict[str, bool]) -> None:
    frames = moving()
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    key = f"upload/{store.here().put(data)}"
    steps = replace(volumes.OF_CLIPS, slices=4)
    loaded = images.load_slices(key, steps)
    assert picked(7, 4) == [0, 2, 4, 6]
    for number, seen in zip((0, 2, 4, 6), loaded.seen, strict=True):
        np.testing.assert_array_equal(seen, np.asarray(frames[number]))
    assert images.describe(key, steps) == ImageFile(kind, frames=7)
    assert len(images.load_slices(key, replace(steps, slices=9)).seen) == 9


def test_frames_beyond_a_limit_are_refused() -> None:
    many = encoded(
        moving(1)[0],
        "GIF",
        save_all=True,
        append_images=[Image.new("RGB", (14, 12), (n % 256, n // 256, 0)) for n in range(1001)],
    )
    assert "the limit is 1,000 frames" in refusal(lambda: kept_slices(many))
    large = [Image.new("L", (4000, 3000), n) for n in range(9)]
    assert "100 million pixels" in refusal(
        lambda: kept_slices(encoded(large[0], "GIF", save_all=True, append_images=large[1:]))
    )


def test_pages_that_are_stored_in_several_ways_are_refused() -> None:
    pages = [Image.new("RGB", (14, 12)), Image.new("RGB", (12, 14))]
    assert "Page 2 of the TIFF" in refusal(
        lambda: kept_slices(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    )
    deep = [Image.fromarray(np.full((12, 14), n, np.uint16)) for n in (9, 900)]
    said = refusal(lambda: kept_slices(encoded(deep[0], "TIFF", save_all=True, append_images=deep[1:])))
    assert "16 bits per sample" in said


def test_a_file_that_ends_before_its_last_frame_is_refused() -> None:
    frames = moving()
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for end in (len(data) // 2, len(data) - 40):
        with pytest.raises(BadImage):
            kept_slices(data[:end] + b"\x2c" + bytes(9) + b"\x02\x00\x3b")


def kept_slices(data: bytes) -> object:
    return images.load_slices(f"upload/{store.here().put(data)}", volumes.OF_CLIPS)


# ------------------------------------------------------------------------------------------------------ other questions


@pytest.mark.parametrize("steps", [volumes.OF_VOLUMES, volumes.OF_CLIPS])
def test_other_questions_are_answered_with_the_whole_input(steps: Preprocessing) -> None:
    array = volumes.numbers(6, 3, 12, 14) if steps.slices_first else volumes.numbers()
    model, image = volumes.model(steps), volumes.kept(array)
    site = gv.Site("relu")
    proof = gv.answer(gv.ProofQuestion(model=model, image=image))
    assert proof.proof.outcome in ("agrees", "at a kink", "kinks"), proof.proof.verdict
    same = gv.answer(gv.RandomisedQuestion(model=model, image=image))
    assert same.attribution.shape == steps.input_shape
    assert tuple(same.arrays["similarity"][:2]) == (1.0, 1.0)
    path = gv.answer(gv.PathQuestion(model=model, image=image))
    assert path.arrays["added"].shape[1:] == steps.input_shape[1:]
    units = gv.answer(gv.UnitsQuestion(model=model, image=image, site=site, place=(2, 3, 4), count=2))
    assert units.arrays["gradients"].shape == (2, *steps.input_shape[1:])
    rows = gv.answer(gv.JacobianQuestion(model=model, image=image, of=gv.OUTPUT, rows=(0, 2)))
    assert rows.arrays["row_norms"].shape == (2,)


def test_of_a_large_answer_the_pictures_and_one_array_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = volumes.model(), volumes.kept(volumes.numbers())
    answer = gv.answer(gv.GradientQuestion(model=model, image=image))
    assert screen.fit(answer, Look()) is answer
    monkeypatch.setattr(screen, "MOST_BYTES", 8_000)
    fitted = screen.fit(answer, Look())
    assert isinstance(fitted, gv.GradientAnswer)
    assert set(fitted.arrays) == {"pixels", f"gradient/{gv.INPUT}", MARK}
    np.testing.assert_array_equal(fitted.arrays[f"gradient/{gv.INPUT}"], answer.gradients[gv.INPUT])
    assert one_slice.strongest(fitted, volumes.OF_VOLUMES) == one_slice.strongest(answer, volumes.OF_VOLUMES)


def test_the_gradients_of_units_travel_together() -> None:
    assert screen.units_of_slices(volumes.OF_VOLUMES) == 6
    large = replace(volumes.OF_CLIPS, size=(224, 224), slices=16)
    assert screen.units_of_slices(large) == 2
    assert screen.units_of_slices(replace(large, slices=0, slices_first=False)) == 0
