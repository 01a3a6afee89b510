"""A network that takes two images: the gradient of each with the other held, and every other question about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.errors import BadImage, BadModel, GradVizError, QuestionError, UnknownImage, Unreachable
from gradviz_core.types import keys
from gradviz_core.types.cards import Recipe
from gradviz_core.uploads import model_files, store
from tests import bands, pairs, snippet_runs
from tests.image_files import refusal
from tests.pairs import image, kept

BEFORE, AFTER = image(seed=1), image(seed=2)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield from snippet_runs.own_store(tmp_path, monkeypatch)


def product() -> str:
    return pairs.model(pairs.file(pairs.Product(), BEFORE, AFTER))


def gradient(model: str, first: Tensor, second: Tensor, looked_at: int, target: int = 0) -> gv.GradientAnswer:
    asked = keys.pair(kept(first), kept(second), looked_at)
    return gv.answer(gv.GradientQuestion(model=model, image=asked, target=gv.ClassScore(target)))


# ------------------------------------------------------------------------------------------------------- the gradients


def test_the_gradient_of_a_product_is_the_weight_times_the_other_image() -> None:
    model, w = product(), pairs.Product().w.detach()
    for looked_at, held in ((0, AFTER), (1, BEFORE)):
        answer = gradient(model, BEFORE, AFTER, looked_at)
        np.testing.assert_array_equal(answer.gradients[gv.INPUT], (w * held).numpy())
        np.testing.assert_array_equal(answer.activations[gv.INPUT], (BEFORE, AFTER)[looked_at].numpy())
        assert answer.score == pytest.approx((w * BEFORE * AFTER).sum().item(), rel=1e-5)


SIAMESE = {"left": BEFORE, "right": image(20, 2)}
NETWORKS = {
    "siamese": (pairs.siamese(), (SIAMESE,), {}, (BEFORE, SIAMESE["right"])),
    "flow": (pairs.Flow(), ((BEFORE, AFTER),), {}, (BEFORE, AFTER)),
    "by keyword": (pairs.ByKeyword(), (), {"image": BEFORE, "reference": AFTER}, (BEFORE, AFTER)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_gradients_are_those_of_the_program_run_directly(name: str, folder: Path) -> None:
    module, given, named, images = NETWORKS[name]
    data = pairs.file(module, *given, **named)
    (folder / "model.pt2").write_bytes(data)
    program = torch.export.load(folder / "model.pt2").module()
    leaves = {id(each): each.clone().requires_grad_() for each in images}

    def leaf(value: object) -> object:
        match value:
            case Tensor():
                return leaves[id(value)]
            case dict():
                return {name: leaf(each) for name, each in value.items()}
        assert isinstance(value, tuple)
        return tuple(map(leaf, value))

    score = program(*map(leaf, given), **{name: leaf(each) for name, each in named.items()})[0, 1]
    slopes = torch.autograd.grad(score, list(leaves.values()))
    model = pairs.model(data)
    for looked_at, slope in enumerate(slopes):
        answer = gradient(model, *images, looked_at, target=1)
        assert answer.score == score.item()
        np.testing.assert_array_equal(answer.gradients[gv.INPUT], slope.numpy())
        assert np.abs(slope.numpy()).max() > 0


def test_a_layer_that_both_images_go_through_is_a_site_twice() -> None:
    model = pairs.model(pairs.file(pairs.siamese(), SIAMESE))
    asked = gv.SurveyQuestion(model=model, image="sample/star~sample/heart")
    survey = gv.answer(asked)
    convolutions = [info for info in survey.sites if info.site.path == "conv"]
    assert [(info.site.call, info.shape) for info in convolutions] == [(0, (1, 4, 5, 5)), (1, (1, 4, 9, 9))]
    assert survey.card.inputs == ("images_left", "images_right")
    second = gv.answer(replace(asked, image="sample/star~sample/heart@2"))
    assert [info.site for info in second.sites] == [info.site for info in survey.sites]
    assert second.pixels.shape == (20, 20, 3)
    assert (survey.card.preprocessing.size, survey.card.looked_at) == ((12, 12), 0)
    assert (second.card.preprocessing.size, second.card.looked_at) == ((20, 20), 1)
    assert second.card.other is not None
    assert second.card.other.size == (12, 12)


def test_an_image_that_changes_only_the_call_it_goes_through() -> None:
    """A call's output and the gradient there are the same whichever image is looked at; only one of the images reaches
    it, and another image in the place of the other changes no value there."""
    model = pairs.model(pairs.file(pairs.siamese(), SIAMESE))
    sites = (gv.Site("conv", 0), gv.Site("conv", 1))
    first, second, third = kept(BEFORE), kept(SIAMESE["right"]), kept(image(20, 3))
    question = gv.GradientQuestion(model=model, image=keys.pair(first, second), wrt=sites, target=gv.ClassScore(0))
    turned, exchanged = (
        replace(question, image=each) for each in (keys.pair(first, second, 1), keys.pair(first, third))
    )
    found, again, other = map(gv.answer, (question, turned, exchanged))
    for site in sites:
        np.testing.assert_array_equal(again.activations[site], found.activations[site])
        np.testing.assert_array_equal(again.gradients[site], found.gradients[site])
    same = [np.array_equal(other.activations[site], found.activations[site]) for site in sites]
    assert same == [True, False]
    for place, site in enumerate(sites):
        by_itself = replace(turned if place else question, wrt=(gv.INPUT,), target=gv.SiteSum(site))
        assert np.abs(gv.answer(by_itself).gradients[gv.INPUT]).max() > 0
        with pytest.raises(Unreachable):
            gv.answer(replace(by_itself, image=keys.turned(by_itself.image)))


def test_either_gradient_agrees_with_finite_differences_in_float64() -> None:
    model = pairs.model(pairs.file(pairs.siamese(), SIAMESE))
    for image_key in ("sample/star~sample/heart", "sample/star~sample/heart@2"):
        proof = gv.answer(gv.ProofQuestion(model=model, image=image_key, target=gv.ClassScore(1), wrt=gv.INPUT))
        assert proof.proof.outcome == "agrees", proof.proof.verdict


def test_the_order_of_the_images_and_which_is_looked_at_change_the_answer() -> None:
    model = pairs.model(pairs.file(pairs.Flow(), (BEFORE, AFTER)))
    asked = ("sample/star~sample/heart", "sample/heart~sample/star", "sample/star~sample/heart@2")
    found = [
        gv.answer(gv.GradientQuestion(model=model, image=one, target=gv.ClassScore(0))).gradients[gv.INPUT]
        for one in asked
    ]
    assert all(not np.array_equal(found[0], other) for other in found[1:])
    assert not np.array_equal(found[1], found[2])


# --------------------------------------------------------------------------------------------------- every other method


class AnyNumber(nn.Module):
    """Multiplies the first image by the sum of all second ones, so several pairs in one pass are not several passes."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        score = (a * b.sum(0, keepdim=True)).square().sum((1, 2, 3))
        return torch.stack([score, -score], 1)


def test_points_on_a_path_are_asked_one_by_one() -> None:
    """Also of a program that was exported for any number of pairs: Σ (a·b)² has the gradient 2·a·b², whose integral
    from zero to a times a is (a·b)²."""
    batch = torch.export.Dim("batch", min=1, max=64)
    several = (BEFORE.repeat(2, 1, 1, 1), AFTER.repeat(2, 1, 1, 1))
    model = pairs.model(pairs.file(AnyNumber(), *several, dynamic_shapes=({0: batch}, {0: batch})))
    options = (("baseline", "zero"), ("steps", 8))
    for looked_at in (0, 1):
        asked = gv.GradientQuestion(
            model=model,
            image=keys.pair(kept(BEFORE), kept(AFTER), looked_at),
            target=gv.ClassScore(0),
            method="integrated_gradients",
            options=options,
        )
        found = gv.answer(asked).attributions[gv.INPUT]
        np.testing.assert_allclose(found, (BEFORE * AFTER).square().numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", [name for name in snippet_runs.METHODS if name != "deeplift"])
def test_every_method_sees_a_network_of_one_image(method: gv.types.MethodName) -> None:
    model = pairs.model(pairs.file(pairs.siamese(), SIAMESE))
    shapes = {"sample/star~sample/heart": (1, 3, 12, 12), "sample/star~sample/heart@2": (1, 3, 20, 20)}
    for pair, shape in shapes.items():
        options = snippet_runs.few(method)
        asked = gv.GradientQuestion(model=model, image=pair, target=gv.ClassScore(1), method=method, options=options)
        found = gv.answer(asked).attributions[gv.INPUT]
        assert found.shape == shape
        assert np.isfinite(found).all()


# ------------------------------------------------------------------------------------------------------------- refused


def asked(image: str, model: str = "") -> str:
    """The sentence of the refusal."""
    question = gv.SurveyQuestion(model=model or product(), image=image)
    return refusal(lambda: gv.answer(question), GradVizError)


def test_an_image_is_missing_or_one_too_many() -> None:
    said = asked("sample/star")
    assert said == (
        "This model takes two images, 'before' and 'after', and the question names 1. Name two with a tilde between "
        "them, such as image='sample/star~sample/dahlia'; with @2 behind them the gradient is that of the second."
    )
    gv.answer(gv.SurveyQuestion(model=product(), image="sample/star~sample/dahlia"))  # what it says to do
    assert "the question names 3" in asked("sample/star~sample/cat~sample/heart")
    assert "the question names 3" in asked("sample/star~sample/cat~upload/x@2")
    for half in ("sample/star~", "~sample/star", "~", "sample/star~@2", "sample/star~sample/heart@3"):
        with pytest.raises(UnknownImage):
            gv.answer(gv.SurveyQuestion(model=product(), image=half))


def test_a_pair_for_a_model_of_one_image() -> None:
    said = asked("sample/star~sample/heart", "preset/shapes-cnn")
    assert said == "This model takes one image, and the question names 2. Name one of them: image='sample/star'."


def test_a_value_that_only_the_held_image_changes() -> None:
    model, unit = pairs.model(pairs.file(pairs.siamese(), SIAMESE)), gv.Unit(gv.Site("relu", 1), (0, 4, 4))
    question = gv.GradientQuestion(model=model, image="sample/star~sample/heart", target=unit)
    assert "the image alone that is held here: look at that one." in refusal(lambda: gv.answer(question), Unreachable)
    found = gv.answer(replace(question, image="sample/star~sample/heart@2"))  # what it says to do
    assert found.gradients[gv.INPUT].shape == (1, 3, 20, 20)


def test_an_upload_that_is_gone_or_never_was() -> None:
    digest = "0" * 64
    for pair in (f"upload/{digest}~sample/star", f"sample/star~upload/{digest}"):
        assert "longer" in asked(pair) or "upload" in asked(pair).lower()


def test_bands_where_the_model_takes_a_picture() -> None:
    of_bands = bands.kept(bands.reflectances())
    for pair in (f"{of_bands}~sample/star", f"sample/star~{of_bands}"):
        with pytest.raises(BadImage, match="12 bands"):
            gv.answer(gv.SurveyQuestion(model=product(), image=pair))


def test_a_pair_as_the_baseline_of_a_method() -> None:
    options = (("baseline", "image"), ("baseline_image", "sample/star~sample/heart"))
    question = gv.GradientQuestion(
        model=product(), image="sample/star~sample/heart", method="integrated_gradients", options=options
    )
    assert "There is no sample image 'star~sample/heart'" in refusal(lambda: gv.answer(question), GradVizError)


def test_sizes_that_do_not_fit_the_program() -> None:
    recipe = pairs.recipe(pairs.file(pairs.siamese(), SIAMESE))
    assert recipe.other is not None
    wrong = replace(recipe, other=replace(recipe.other, size=(12, 12)))
    key = keys.upload(store.here().keep_recipe(wrong))
    assert "takes an input of 1 x 3 x 20 x 20" in asked("sample/star~sample/heart", key)


def test_a_recipe_for_another_number_of_images() -> None:
    two = pairs.recipe(pairs.file(pairs.Product(), BEFORE, AFTER))
    key = keys.upload(store.here().keep_recipe(replace(two, inputs=(), other=None)))
    assert "takes two images, and its recipe is for one" in asked("sample/star", key)
    one = Recipe(store.here().put(bands.file()), "", "One", (), bands.AS_THEY_ARE)
    key = keys.upload(store.here().keep_recipe(replace(one, inputs=two.inputs, other=two.other)))
    assert "takes one image, and its recipe is for two" in asked("sample/star~sample/heart", key)
    for names in ((), ("a",), ("a", "a"), ("a", "b", "c")):
        with pytest.raises(BadModel, match="names of the images"):
            store.here().keep_recipe(replace(two, inputs=names))


def test_three_images_are_too_many() -> None:
    class Three(nn.Module):
        def forward(self, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
            return (a * b * c).sum((2, 3))

    said = refusal(lambda: model_files.inspect(pairs.file(Three(), BEFORE, AFTER, BEFORE + 1)), BadModel)
    assert "takes 3 inputs ('a', 'b', 'c')" in said
    assert "only the image, or both" in said


def test_a_second_input_that_is_no_image() -> None:
    class Timed(nn.Module):
        def forward(self, x: Tensor, time: Tensor) -> Tensor:
            return (x * time).sum((2, 3))

    said = refusal(lambda: model_files.inspect(pairs.file(Timed(), BEFORE, torch.ones(1))), BadModel)
    assert "input 'time' is 1;" in said


def test_two_volumes_are_refused() -> None:
    class Volumes(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return (a * b).sum((2, 3, 4))

    given = torch.rand(1, 1, 4, 8, 8), torch.rand(1, 1, 4, 8, 8)
    said = refusal(lambda: model_files.inspect(pairs.file(Volumes(), *given)), BadModel)
    assert "input 'a' is 1 x 1 x 4 x 8 x 8; of a model that takes two inputs each must be" in said


def test_a_program_says_how_many_images_it_takes() -> None:
    program = gv.load(product())
    with pytest.raises(QuestionError, match="exported for 2 images, and it is given one image"):
        program(BEFORE)
    assert program(BEFORE, AFTER).shape == (1, 2)
