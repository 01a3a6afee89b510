"""What people hand in: each is answered, or one sentence says what to pass."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.doctor.proof import prove
from gradviz_core.errors import BadTarget, QuestionError, UnknownSite, Unreachable
from gradviz_core.tracing import trace
from gradviz_core.tracing.nested import map_tensors
from gradviz_core.types import INPUT, ChannelMean, ClassScore, Head, RegionScore, Site, SiteSum, Unit
from tests import zoo

IMAGE = Site(".input", 0, "image")
BODY = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 4)).eval()


def _slope(module: nn.Module, **given: Any) -> Tensor:
    """Of score 1 at the first thing given, by plain autograd."""
    first = next(iter(given))
    leaf = given[first].clone().requires_grad_()
    slope: Tensor = torch.autograd.grad(module(**given | {first: leaf})[0, 1], leaf)[0]
    return slope


# ------------------------------------------------------------------------------------------------------------ answered


def test_a_dictionary_is_one_argument_whose_tensors_have_sites() -> None:
    module, x, weight = zoo.build("from-dictionary"), zoo.image(), torch.tensor([[2.0]]).double()
    batch = {"image": x, "more": {"weight": weight, "name": "one"}}
    inner = Site(".input", 0, "more.weight")
    assert [info.site for info in trace.survey(module, batch)][:2] == [IMAGE, inner]
    found = trace.gradients(module, batch, target=ClassScore(1))
    assert list(found.gradients) == [IMAGE, inner]
    weights = module.get_parameter("body.weight")[1].detach()
    assert torch.allclose(found.gradients[IMAGE].flatten(), 2 * weights)
    assert found.gradients[inner].item() == pytest.approx(module.get_submodule("body")(x.flatten(1))[0, 1].item())
    assert batch["image"] is x, "what was handed in stays as it is"
    with pytest.raises(UnknownSite, match=r"closest that did is the input\[more.weight\]"):
        trace.gradients(module, batch, target=ClassScore(1), wrt=[INPUT])


@pytest.mark.parametrize("kind", [dict, UserDict])
def test_keywords_by_a_call_or_by_a_mapping_of_the_names_that_forward_takes(kind: Any) -> None:
    module, x = zoo.build("by-keyword"), zoo.image()
    true = _slope(module, pixel_values=x, scale=3.0)
    for given in (gv.Call(pixel_values=x, scale=3.0), kind(pixel_values=x, scale=3.0)):
        found = trace.gradients(module, given, target=ClassScore(1))
        assert torch.allclose(found.gradients[Site(".input", 0, "pixel_values")], true)


def test_keywords_come_after_the_other_arguments() -> None:
    module = zoo.TwoInputs()
    a, b = torch.randn(1, 6), torch.randn(1, 3)
    by_order = trace.gradients(module, (a, b), target=ClassScore(1))
    mixed = trace.gradients(module, gv.Call(a, b=b), target=ClassScore(1))
    assert list(by_order.gradients) == [INPUT, Site(".input", 1)]
    assert list(mixed.gradients) == [INPUT, Site(".input", 1, "b")]
    for one, other in zip(by_order.gradients.values(), mixed.gradients.values(), strict=True):
        assert torch.equal(one, other)
    assert str(Site(".input", 1, "b")) == ".input:1[b]"
    assert Site.parse(".input:1[b]") == Site(".input", 1, "b")


def test_a_list_is_one_argument() -> None:
    module, x = zoo.build("of-a-list"), zoo.image()
    found = trace.gradients(module, [x[0], 3 * x[0]], target=ClassScore(1))
    weights = module.get_parameter("body.weight")[1].detach()
    for site in (Site(".input", 0, "0"), Site(".input", 0, "1")):
        assert torch.allclose(found.gradients[site].flatten(), weights / 2)


@pytest.mark.parametrize("kind", ["float64", "float32", "float16"])
def test_a_numpy_array_of_real_numbers_takes_the_precision_of_the_module(kind: str) -> None:
    array = zoo.image().numpy().astype(kind)
    x = torch.from_numpy(array).float()
    found = trace.gradients(BODY, array[:, :, ::-1], target=ClassScore(1))
    assert torch.equal(found.gradients[INPUT], trace.gradients(BODY, x.flip(2), target=ClassScore(1)).gradients[INPUT])
    assert found.gradients[INPUT].dtype == torch.float32
    found = trace.gradients(
        zoo.build("from-dictionary"), {"image": array, "more": {"weight": np.ones(1)}}, target=ClassScore(1)
    )
    assert found.gradients[IMAGE].dtype == torch.float64


def test_whole_numbers_that_a_layer_looks_up_are_taken_as_they_are() -> None:
    module = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 3))
    ids = np.array([[1, 5, 5]])
    assert trace.gradients(module, ids, target=ClassScore(0), wrt=[Site("0")]).gradients[Site("0")].shape == (1, 3, 4)
    with pytest.raises(Unreachable, match="reaches the input: it holds int64 values, and only real numbers"):
        trace.gradients(module, ids, target=ClassScore(0))
    with pytest.raises(QuestionError, match="index out of range"):
        trace.survey(module, np.array([[1, 5, 50]]))


def test_a_model_that_makes_real_numbers_of_whole_ones_itself_is_answered() -> None:
    class OfBytes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return BODY(x.float() / 255)  # type: ignore[no-any-return]

    x = torch.randint(0, 255, (1, 3, 8, 8), dtype=torch.uint8)
    assert [info.differentiable for info in trace.survey(OfBytes(), x)] == [False, True]


# ----------------------------------------------------------------------------------------- the proof and the doctor


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("from-dictionary", {"image": zoo.image(), "more": {"weight": torch.ones(1).double()}}),
        ("by-keyword", gv.Call(pixel_values=zoo.image(), scale=2.0)),
        ("of-a-list", [zoo.image().numpy()[0], zoo.image()[0]]),
        ("recurrent", zoo.image().numpy()),
        ("vae", zoo.image()),
        ("adapts", zoo.image()),
        ("energy", zoo.image()),
    ],
)
def test_the_proof_takes_what_the_module_takes(name: str, given: Any) -> None:
    """Differentiated in float64, and the whole gradient of the module in its own float32."""
    module = zoo.build(name)
    first = trace.survey(module, given)[0].site
    narrow = module.float()
    with_floats = _floats(given)
    found = prove(narrow, with_floats, ClassScore(2), directions=2)
    assert found.outcome == "agrees", found.verdict
    assert found.directions[0].site == str(first)
    assert found.score == pytest.approx(trace.gradients(narrow, with_floats, target=ClassScore(2)).score, rel=1e-5)


def _floats(given: Any) -> Any:
    if isinstance(given, gv.Call):
        return gv.Call(**_floats(dict(given.kwargs)))
    return map_tensors(given, lambda _, tensor: tensor.float())


def test_the_proof_of_an_inner_site_of_a_random_model_and_its_sentence_for_what_it_cannot_take() -> None:
    module = zoo.build("vae").float()
    sites = [Site("mean"), Site("spread"), Site("decoder")]
    found = prove(module, zoo.image().float(), ClassScore(2), sites, directions=1, seed=3)
    assert found.outcome == "agrees", found.verdict
    with pytest.raises(QuestionError, match="is float64 and the weights of the model are float32"):
        prove(module, zoo.image(), ClassScore(2))


def test_the_doctor_takes_what_the_model_takes() -> None:
    module = zoo.build("from-dictionary")

    class Cuts(nn.Module):
        def forward(self, batch: dict[str, Any]) -> Tensor:
            return module({"image": batch["image"].detach(), "more": batch["more"]})  # type: ignore[no-any-return]

    batch = {"image": zoo.image().numpy(), "more": {"weight": torch.ones(1).double().requires_grad_()}}
    assert gv.diagnose(module, batch).findings == ()
    (cut,) = gv.diagnose(Cuts(), batch | {"image": zoo.image().requires_grad_()}).findings
    assert cut.cause == "detach"
    assert "the input[image]" in str(cut)
    assert gv.diagnose(lambda x, *, scale: (x * scale).sum(), gv.Call(zoo.image(), scale=2.0)).findings == ()
    with pytest.raises(QuestionError, match="x is of type str"):
        gv.diagnose(module, "cat.png")


# ---------------------------------------------------------------------------------------------------------- a sentence


@pytest.mark.parametrize(
    ("module", "given", "sentence"),
    [
        (
            BODY,
            (zoo.image() * 9).byte(),
            "holds uint8 values and the model computes with float32: pass real numbers, "
            r"x.to\(torch.float32\) / 255",
        ),
        (BODY, (zoo.image() * 9).byte().numpy(), "holds uint8 values"),
        (BODY, (zoo.image() * 9).long(), "holds int64 values"),
        (BODY, zoo.image().half(), r"is float16 and the weights of the model are float32.* pass x.to\(torch.float32\)"),
        (BODY, zoo.image(), r"is float64 and the weights of the model are float32"),
        (BODY, [zoo.image().float()], "a list with .1, 3, 8, 8.. x was passed as one argument: pass the tensor"),
        (BODY, {"image": zoo.image().float()}, r"a dict with image .1, 3, 8, 8.* and gv.Call\(name=x\)"),
        (BODY, "cat.png", "x is of type str and holds no tensor. Pass what the module itself takes"),
        (BODY, [[0.5, 1.0]], "x is of type list and holds no tensor"),
        (BODY, None, "x is of type NoneType"),
        (BODY, np.array(["a"]), "cannot become a tensor"),
        (BODY, torch.zeros(1, 4, 8, 8), r"cannot run on a tensor \(1, 4, 8, 8\).*to have 3 channels, but got 4"),
        (BODY, torch.zeros(3, 9, 8), r"An image needs a first dimension of 1 before its channels: x\[None\]"),
        (
            zoo.ByKeyword(),
            zoo.image().float(),
            r"ByKeyword cannot be called with a tensor \(1, 3, 8, 8\): too many "
            r"positional arguments.* pass gv.Call\(pixel_values=pixel_values\)",
        ),
        (zoo.TwoInputs(), torch.zeros(1, 6), r"missing a required argument: 'b'.* pass gv.Call\(a, b\)"),
        (zoo.FromDictionary(), {"picture": zoo.image()}, "cannot run on a dict with picture .*: 'image'"),
    ],
)
def test_what_cannot_be_taken_is_told_in_one_sentence(module: nn.Module, given: Any, sentence: str) -> None:
    for ask in (trace.survey, lambda *both: trace.gradients(*both, target=ClassScore(1))):
        with pytest.raises(QuestionError, match=sentence):
            ask(module, given)


def test_the_error_of_the_model_itself_is_kept_behind_the_sentence() -> None:
    with pytest.raises(QuestionError) as caught:
        trace.survey(BODY, torch.zeros(1, 4, 8, 8))
    assert isinstance(caught.value.__cause__, RuntimeError)


# ------------------------------------------------------------------------------------------- values that nothing uses


def test_the_recipe_of_the_readme_gives_what_there_is_and_names_the_rest() -> None:
    """Of a recurrent layer the last state, of attention the weights, of the model an auxiliary head go unused."""
    module, x = zoo.build("recurrent"), zoo.image()
    sites = [info.site for info in trace.survey(module, x) if info.differentiable]
    found = trace.gradients(module, x, target=ClassScore(3), wrt=sites)
    unused = {Site("rows", 0, "1.0"), Site("rows", 0, "1.1"), Site("attention", 0, "1"), Site("auxiliary")}
    assert set(found.unreached) == {*unused, Site("", 0, "1.auxiliary")}
    assert set(found.gradients) == set(sites) - set(found.unreached)
    assert set(found.activations) == set(sites)
    alone = trace.gradients(module, x, target=ClassScore(3))
    assert torch.equal(found.gradients[INPUT], alone.gradients[INPUT])
    leaf = x.clone().requires_grad_()
    assert torch.allclose(alone.gradients[INPUT], torch.autograd.grad(module(leaf)[0][0, 3], leaf)[0])
    for site in unused:
        with pytest.raises(Unreachable, match="no differentiable path leads from there to the target"):
            trace.gradients(module, x, target=ClassScore(3), wrt=[site])
    with pytest.raises(Unreachable, match=r"reaches rows\[1.0\]"):
        trace.gradients(module, x, target=ClassScore(3), wrt=sorted(unused, reverse=True)[::-1][2:])


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (3, r"3 is not a target\. Write gv\.ClassScore\(3\)"),
        ("cat", "'cat' is not a target"),
        ([ClassScore(0), None], "None is not a target"),
        (ClassScore(1, "percent"), "There is no scale 'percent'. Choose one of logit, log_probability, probability"),  # type: ignore[arg-type]
        (ClassScore(1, head=Head(reading="softmax")), "There is no reading 'softmax'. Choose one of softmax_logits"),  # type: ignore[arg-type]
        (RegionScore(1, reduce="max"), "There is no reduce 'max'. Choose one of"),  # type: ignore[arg-type]
        (ClassScore("1"), "index is '1' in ClassScore; it must be a whole number"),  # type: ignore[arg-type]
        (ClassScore(True), "index is True in ClassScore"),
        (ChannelMean(INPUT, 1.5), "channel is 1.5 in ChannelMean"),  # type: ignore[arg-type]
        (Unit(INPUT, 1), "1 is not the index of a unit"),  # type: ignore[arg-type]
        (ClassScore(1, head=Head(1)), r"item of a head is 1; it must be a string. Write gv.Head\('1'\)"),  # type: ignore[arg-type]
        (SiteSum("conv"), r"'conv' is not a site\. Write Site\('conv'\)"),  # type: ignore[arg-type]
    ],
    ids=str,
)
def test_a_target_with_an_unknown_word_is_never_read_as_another_one(target: Any, sentence: str) -> None:
    module, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval(), torch.zeros(1, 3, 2, 2)
    with pytest.raises(BadTarget, match=sentence):
        trace.gradients(module, x, target=target)


def test_what_is_no_module_and_no_seed_is_told() -> None:
    given: Any = torch.relu
    with pytest.raises(QuestionError, match=r"is not a torch\.nn\.Module"):
        trace.survey(given, torch.zeros(1, 3))
    for seed in ("a", 1.5):
        with pytest.raises(QuestionError, match=f"The seed is {seed}; it must be a whole number"):
            trace.survey(nn.Linear(3, 2).eval(), torch.zeros(1, 3), seed=seed)  # type: ignore[arg-type]
    assert trace.survey(nn.Linear(3, 2).eval(), torch.zeros(1, 3), seed=np.int64(3))  # type: ignore[arg-type]


def test_a_proof_takes_one_site_and_tells_what_it_cannot_take() -> None:
    module, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval(), torch.rand(1, 3, 2, 2)
    given: Any = [ClassScore(0)]
    names: Any = ["0"]
    assert prove(module, x, ClassScore(0), INPUT).agrees
    assert trace.gradients(module, x, target=ClassScore(0), wrt=INPUT).gradients.keys() == {INPUT}
    with pytest.raises(QuestionError, match=r"Only one target of one image .* x\[i:i\+1\]"):
        prove(module, x, given)
    with pytest.raises(QuestionError, match=r"'0' is not a site\. Write Site\('0'\)"):
        prove(module, x, ClassScore(0), names)
