"""A network that takes twelve bands: what it receives, its gradients band by band, and what is shown of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.drawing import captions
from gradviz_core.errors import BadImage, BadModel, QuestionError
from gradviz_core.images import arrays
from gradviz_core.images.bands import coloured, normalise, seen
from gradviz_core.types.cards import ArrayFile, Preprocessing
from gradviz_core.uploads import model_files
from tests import bands, snippet_runs
from tests.image_files import npy, refusal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def gradient(steps: Preprocessing, image: npt.NDArray[np.generic]) -> gv.GradientAnswer:
    asked = gv.GradientQuestion(model=bands.model(steps), image=bands.kept(image), target=gv.ClassScore(2))
    return gv.answer(asked)


def test_the_gradient_of_each_band_is_that_of_the_numbers_in_the_file() -> None:
    numbers = bands.reflectances()
    answer = gradient(bands.AS_THEY_ARE, numbers)
    x = torch.tensor(numbers.astype(np.float32))[None].requires_grad_()
    score = bands.network()(x)[0, 2]
    score.backward()
    np.testing.assert_array_equal(answer.activations[gv.INPUT], x.detach().numpy())
    assert answer.score == pytest.approx(score.item(), rel=1e-6)
    assert x.grad is not None
    np.testing.assert_allclose(answer.gradients[gv.INPUT], x.grad.numpy(), rtol=1e-5, atol=1e-9)
    assert answer.gradients[gv.INPUT].shape == (1, 12, bands.ROWS, bands.COLUMNS)


def test_the_gradient_agrees_with_finite_differences() -> None:
    numbers = bands.reflectances()
    slope = gradient(bands.AS_THEY_ARE, numbers).gradients[gv.INPUT][0]
    network, x = bands.network().double(), torch.tensor(numbers.astype(np.float64))[None]
    for place in ((0, 4, 5), (7, 0, 0), (11, 13, 15)):
        step = torch.zeros_like(x)
        step[0, *place] = 1e-3
        change = (network(x + step)[0, 2] - network(x - step)[0, 2]).item() / 2e-3
        assert slope[place] == pytest.approx(change, rel=1e-4, abs=1e-8)


def test_mean_and_standard_deviation_are_in_the_numbers_of_the_file() -> None:
    mean, std = tuple(100.0 * band for band in range(12)), tuple(50.0 + band for band in range(12))
    numbers = bands.reflectances()
    found = gradient(replace(bands.AS_THEY_ARE, mean=mean, std=std), numbers).activations[gv.INPUT]
    for band in (0, 11):
        np.testing.assert_allclose(found[0, band], (numbers[band] - mean[band]) / std[band], rtol=1e-5)


def test_a_standardised_band_has_mean_0_and_standard_deviation_1_and_an_even_one_is_0() -> None:
    numbers = bands.reflectances()
    numbers[4] = 777
    found = gradient(replace(bands.AS_THEY_ARE, standardised=True), numbers).activations[gv.INPUT][0]
    even = np.arange(12) == 4
    np.testing.assert_allclose(found.mean((1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(found.std((1, 2)), np.where(even, 0, 1), atol=1e-5)
    assert not found[4].any()
    twice = np.array([[[1.0, 3.0]]], np.float32).repeat(2, 0)
    steps = Preprocessing((1, 2), None, (1.0, 0.0), (2.0, 1.0), standardised=True)
    np.testing.assert_array_equal(normalise(twice, steps), [[[[-1, 0]], [[-1, 1]]]])


def test_each_band_is_resized_and_cropped_by_itself() -> None:
    """Against torch's own means of squares, for an even share and a box filter."""
    numbers = bands.reflectances(5, 24, 32).astype(np.float32)
    steps = Preprocessing((8, 8), 12, (0.0,) * 5, (1.0,) * 5, "box")
    means = torch.nn.functional.avg_pool2d(torch.tensor(numbers), 2).numpy()
    np.testing.assert_allclose(seen(numbers, steps), means[:, 2:10, 4:12], rtol=1e-6)


def test_bands_shown_as_colours_run_from_their_2nd_percentile_to_their_98th() -> None:
    numbers = np.stack([np.linspace(0, 1000, 101), np.linspace(-5, 5, 101), np.full(101, 3.0), np.zeros(101)])
    steps = Preprocessing((1, 101), None, (0.0,) * 4, (1.0,) * 4, shown=(1, 0, 2))
    picture = coloured(numbers[:, None].astype(np.float32), steps)
    ramp = np.rint(255 * np.clip((np.arange(101) - 2) / 96, 0, 1))
    np.testing.assert_allclose(picture[0, :, 0], ramp, atol=1)
    np.testing.assert_allclose(picture[0, :, 1], ramp, atol=1)
    assert not picture[..., 2].any()
    grey = coloured(numbers[:, None].astype(np.float32), replace(steps, shown=(0,)))
    np.testing.assert_array_equal(grey, np.repeat(grey[..., :1], 3, axis=-1))
    np.testing.assert_array_equal(grey[0, :, 0], picture[0, :, 1])


@pytest.mark.parametrize(
    ("shape", "axes", "count", "batched"),
    [
        ((12, 5, 7), "CHW", 12, False),
        ((5, 70, 12), "CHW", 5, False),
        ((20, 70, 12), "HWC", 12, False),
        ((1, 1, 2, 5, 7), "CHW", 2, True),
        ((4, 5, 7), "CHW", 4, False),
        ((16, 1000, 2), "CHW", 16, False),
    ],
)
def test_which_axis_counts_bands(shape: tuple[int, ...], axes: str, count: int, batched: bool) -> None:
    array = np.arange(np.prod(shape)).reshape(shape)
    assert arrays.has_bands(npy(array))
    found, file, _ = arrays.bands(npy(array))
    assert file == ArrayFile(axes, count, batched, None)  # type: ignore[arg-type]
    whole = array.reshape(shape[-3:])
    np.testing.assert_array_equal(found, whole if axes == "CHW" else np.moveaxis(whole, -1, 0))


@pytest.mark.parametrize(
    "shape", [(5, 7), (5, 7, 3), (5, 7, 4), (3, 5, 7), (1, 5, 7), (4, 5, 3), (17, 5, 18), (2, 0, 5)]
)
def test_grey_colours_and_what_is_no_image_have_no_bands(shape: tuple[int, ...]) -> None:
    assert not arrays.has_bands(npy(np.zeros(shape, np.uint8)))


def test_the_report_says_how_the_array_was_read_and_keeps_its_bytes() -> None:
    data = npy(bands.reflectances(12, 5, 7))
    report, kept = images.inspect(data, (0.0, 1.0))
    assert kept == data
    assert (report.width, report.height, report.format) == (7, 5, "NPY")
    assert report.notes == (
        "The array's shape 12 × 5 × 7 was read as bands × height × width.",
        "Its 12 bands keep their numbers, as 32-bit floating point.",
    )


def test_the_picture_says_which_bands_it_shows() -> None:
    words = captions.seen(replace(bands.AS_THEY_ARE, shown=(3, 2, 1)))
    assert "Bands 3, 2 and 1 as red, green and blue" in words.sentence
    assert "numbers as they are in the file" in words.facts
    assert "Band 7 in grey" in captions.seen(replace(bands.AS_THEY_ARE, shown=(7,))).sentence
    other = captions.seen(replace(bands.AS_THEY_ARE, standardised=True))
    assert "each band to mean 0 and standard deviation 1 over this image" in other.facts
    assert captions.channel_names(bands.AS_THEY_ARE)[11] == "band 11"


@pytest.mark.parametrize("count", [2, 4, 16])
def test_an_exported_model_of_bands_is_proposed_as_they_are(count: int) -> None:
    report = model_files.inspect(bands.file(count))
    assert report.input_shape == (1, count, bands.ROWS, bands.COLUMNS)
    assert report.preprocessing is not None
    assert (report.preprocessing.mean, report.preprocessing.std) == ((0.0,) * count, (1.0,) * count)


# ------------------------------------------------------------------------------------------------------------- refused


def asked(image: str, steps: Preprocessing = bands.AS_THEY_ARE) -> gv.SurveyAnswer:
    return gv.answer(gv.SurveyQuestion(model=bands.model(steps), image=image))


def test_seventeen_bands_are_too_many() -> None:
    assert "1 to 16 channels" in refusal(lambda: model_files.inspect(bands.file(17)), BadModel)


def test_a_picture_for_a_model_of_bands_and_bands_for_one_of_pictures() -> None:
    said = refusal(lambda: asked("sample/star"))
    assert "This model takes 12 bands, and the image is a picture" in said
    assert ".npy file of an array of 12 × height × width" in said
    survey = gv.SurveyQuestion(model="preset/shapes-cnn", image=bands.kept(bands.reflectances()))
    said = refusal(lambda: gv.answer(survey))
    assert "The image has 12 bands or slices" in said
    three = npy(bands.reflectances()[[2, 1, 0]])  # what it says to do
    assert images.inspect(three, (0.0, 10_000.0))[0].format == "NPY"


def test_another_number_of_bands() -> None:
    assert "The image has 7 bands, and this model takes 12" in refusal(lambda: asked(bands.kept(bands.reflectances(7))))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300])
def test_numbers_that_are_none(wrong: float) -> None:
    array = bands.reflectances().astype(np.float64)
    array[3, 4, 5] = wrong
    said = refusal(lambda: images.inspect(npy(array)))
    assert "1 numbers of the array are NaN, infinite or too large" in said
    images.inspect(npy(np.nan_to_num(array, posinf=0, neginf=0).clip(-1e9, 1e9)))  # what it says to do


def test_bands_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MOST_IN_BANDS", 100)
    assert "fewer rows and columns: array[..., ::2, ::2]." in refusal(
        lambda: images.inspect(npy(bands.reflectances(2, 10, 10)))
    )
    images.inspect(npy(bands.reflectances(2, 10, 10)[:, ::2, ::2]))
    with_header = npy(np.zeros((2, 3, 3), np.uint8)).replace(b"(2, 3, 3)", b"(2, 9**9,")
    assert "broken" in refusal(lambda: images.inspect(with_header))


@pytest.mark.parametrize("kind", ["complex64", "S3", "datetime64[s]", "V4"])
def test_what_is_no_real_number(kind: str) -> None:
    assert "only real numbers" in refusal(lambda: images.inspect(npy(np.zeros((5, 4, 6), kind))))


def test_objects_are_never_unpickled() -> None:
    np.save(file := io.BytesIO(), np.array([[[object()] * 6] * 4] * 5), allow_pickle=True)
    assert "only real numbers" in refusal(lambda: images.inspect(file.getvalue()))


def test_a_cut_array() -> None:
    data = npy(bands.reflectances())
    assert "should have" in refusal(lambda: images.inspect(data[:-1]))


@pytest.mark.parametrize(
    "steps",
    [
        replace(bands.AS_THEY_ARE, shown=(12,)),
        replace(bands.AS_THEY_ARE, shown=(0, 1)),
        replace(bands.AS_THEY_ARE, shown=(-1, 0, 1)),
        replace(bands.AS_THEY_ARE, std=(1.0,) * 11),
        replace(bands.AS_THEY_ARE, std=(0.0,) * 12),
        replace(bands.AS_THEY_ARE, mean=(1e7,) * 12),
        replace(bands.AS_THEY_ARE, mean=(0.0,) * 17, std=(1.0,) * 17),
        Preprocessing((8, 8), None, (0.5,) * 3, (0.5,) * 3, standardised=True),
        Preprocessing((8, 8), None, (0.5,), (0.5,), shown=(0,)),
    ],
)
def test_steps_that_cannot_be(steps: Preprocessing) -> None:
    with pytest.raises(BadModel):
        bands.model(steps, b"any")


def test_bands_have_no_levels_to_perturb_and_no_range_to_choose() -> None:
    image = bands.kept(bands.reflectances())
    question = gv.PerturbationQuestion(model=bands.model(), image=image)
    assert "bands" in refusal(lambda: gv.answer(question), QuestionError)
    assert "no range" in refusal(lambda: images.rescale(npy(bands.reflectances()), (0.0, 1.0)), BadImage)
