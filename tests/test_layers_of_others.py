"""Maps of layer outputs beside those of captum, grad-cam, torchcam and TorchLens: equal where they are right."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytorch_grad_cam
import torch
import torchvision
from captum.attr import LayerActivation, LayerGradCam, LayerGradientXActivation
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torchcam import methods as torchcam

import gradviz_core as gv
from gradviz_core.answers.scene import Scene
from gradviz_core.types.methods import OptionValues
from tests.at_a_layer import mapped, oracle_at, scene_of
from tests.awkward_layers import made
from tests.reference import relative_error
from tests.torchlens_apart import logged

KEPT: OptionValues = (("negative", "kept"),)
CLASS = 3
TARGET = gv.ClassScore(CLASS)
MODELS = {  # torchvision's name: a layer whose output is used as it is, and one whose output is overwritten in place
    "resnet18": ("layer3.1", "layer3.1.bn2"),
    "squeezenet1_1": ("features.9", "features.9.squeeze"),
    "mobilenet_v3_small": ("features.8.block.0", "features.8.block.0.1"),
}


@contextmanager
def quiet() -> Iterator[None]:
    """What the other libraries warn of is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[str, nn.Module, Tensor, Scene]:
    torch.manual_seed(0)
    module = torchvision.models.get_model(request.param, weights=None).eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():  # so that activations are of size 1, and no epsilon of another library counts
        module.train()(torch.randn(4, 3, 96, 96))
    module.eval()
    x = torch.randn(1, 3, 96, 96)
    return request.param, module, x, scene_of(module, x)


def of_grad_cam(kind: type, module: nn.Module, x: Tensor, path: str) -> Tensor:
    """Its map, before it cuts, scales and resizes it."""
    target = ClassifierOutputTarget(CLASS)
    with quiet(), kind(module, [module.get_submodule(path)]) as cam:
        cam(x, [target])
        kept = cam.activations_and_grads
        values = kept.activations[0].numpy()
        slopes = kept.gradients[0].numpy() if cam.uses_gradients else None
        return torch.as_tensor(cam.get_cam_image(x, None, [target], values, slopes, False))[None]


def of_torchcam(kind: Callable[..., Any], module: nn.Module, x: Tensor, path: str) -> Tensor:
    """Its map, not scaled."""
    with quiet(), kind(module, path) as cam:
        scores = module(x.clone().requires_grad_())
        found: Tensor = cam(CLASS, scores, normalized=False)[0]
    return found.detach()[None]


def test_at_a_layer_whose_output_is_used_as_it_is(model: tuple[str, nn.Module, Tensor, Scene]) -> None:
    name, module, x, scene = model
    path = MODELS[name][0]
    site, layer = gv.Site(path), module.get_submodule(path)

    def ours(method: str, options: OptionValues = ()) -> Tensor:
        return mapped(scene, site, method, options, TARGET)

    product = LayerGradientXActivation(module, layer).attribute(x, CLASS)
    grad_cam = LayerGradCam(module, layer)
    assert relative_error(ours("activation"), LayerActivation(module, layer).attribute(x)) < 1e-5
    assert relative_error(ours("gradient_x_input"), product) < 1e-5
    assert relative_error(ours("grad_cam", KEPT), grad_cam.attribute(x, CLASS)) < 1e-5
    assert relative_error(ours("grad_cam"), grad_cam.attribute(x, CLASS, relu_attributions=True)) < 1e-5
    for method, kind in {
        "grad_cam": pytorch_grad_cam.GradCAM,
        "hires_cam": pytorch_grad_cam.HiResCAM,
        "xgrad_cam": pytorch_grad_cam.XGradCAM,
        "layer_cam": pytorch_grad_cam.LayerCAM,
    }.items():
        assert relative_error(ours(method, KEPT), of_grad_cam(kind, module, x, path)) < 1e-5, method
    centred = ours("eigen_cam", (("centred", "yes"),))
    other = of_grad_cam(pytorch_grad_cam.EigenCAM, module, x, path)
    assert min(relative_error(centred, sign * other) for sign in (1, -1)) < 1e-5
    for method, similar in {
        "grad_cam": torchcam.GradCAM,
        "xgrad_cam": torchcam.XGradCAM,
        "layer_cam": torchcam.LayerCAM,
    }.items():
        cut = ours(method, (("negative", "cut"),))
        assert relative_error(cut, of_torchcam(similar, module, x, path)) < 1e-5, method
    with quiet(), torchcam.FinerCAM(module, path) as finer:
        (true,) = finer(CLASS, module(x.clone().requires_grad_()), normalized=False)
    assert relative_error(ours("finer_cam"), true.detach()[None]) < 1e-5


def test_at_a_layer_whose_output_is_overwritten_in_place(model: tuple[str, nn.Module, Tensor, Scene]) -> None:
    """There captum is right; grad-cam and torchcam take what was written over the activation."""
    name, module, x, scene = model
    path = MODELS[name][1]
    site, layer = gv.Site(path), module.get_submodule(path)
    value, cam = mapped(scene, site, "activation"), mapped(scene, site, "grad_cam", KEPT, TARGET)
    assert relative_error(value, LayerActivation(module, layer).attribute(x)) < 1e-5
    assert relative_error(cam, LayerGradCam(module, layer).attribute(x, CLASS)) < 1e-5
    assert relative_error(cam, of_grad_cam(pytorch_grad_cam.GradCAM, module, x, path)) > 0.01
    assert relative_error(cam.clamp(min=0), of_torchcam(torchcam.GradCAM, module, x, path)) > 0.01
    by_hand = oracle_at(scene, site, TARGET)(value).mean((2, 3), keepdim=True) * value
    assert relative_error(cam, by_hand.sum(1, keepdim=True)) < 1e-5


@pytest.fixture(scope="module")
def awkward() -> tuple[nn.Module, Tensor, Scene]:
    module, x = made()
    return module, x, scene_of(module, x)


@pytest.mark.slow
def test_at_the_first_call_captum_shows_the_last_and_torchlens_is_equal(
    awkward: tuple[nn.Module, Tensor, Scene], tmp_path: Path
) -> None:
    module, x, scene = awkward
    relu = module.get_submodule("relu")
    lens, captums = logged(tmp_path / "lens.pt", CLASS), LayerGradCam(module, relu).attribute(x, CLASS)
    for call in (0, 1):
        site = gv.Site("relu", call)
        cam, value = mapped(scene, site, "grad_cam", KEPT, TARGET), mapped(scene, site, "activation")
        assert relative_error(value, lens[f"value {call}"]) < 1e-6
        slope = oracle_at(scene, site, TARGET)(value)
        assert relative_error(slope, lens[f"gradient {call}"]) < 1e-6
        assert (cam.shape == captums.shape and relative_error(cam, captums) < 1e-5) == (call == 1)


def test_an_element_of_a_tuple_is_a_site_which_others_refuse(awkward: tuple[nn.Module, Tensor, Scene]) -> None:
    module, x, scene = awkward
    one, other = LayerGradCam(module, module.get_submodule("both")).attribute(x, CLASS)
    for item, true in (("0", one), ("1", other)):
        assert relative_error(mapped(scene, gv.Site("both", 0, item), "grad_cam", KEPT, TARGET), true) < 1e-5
    with pytest.raises(AttributeError):
        of_grad_cam(pytorch_grad_cam.GradCAM, module, x, "both")
    with pytest.raises(AttributeError):
        of_torchcam(torchcam.GradCAM, module, x, "both")


def test_the_weights_of_grad_cam_plus_plus_where_gradients_are_small(awkward: tuple[nn.Module, Tensor, Scene]) -> None:
    """grad-cam adds 1e-6 to a square of the gradient, which it drowns where that is small; torchcam multiplies the sum
    of the activations with another position's gradient. In double precision the formula as the paper prints it."""
    module, x, scene = awkward
    site = gv.Site("relu", 1)
    value = mapped(scene, site, "activation").double()
    slope = oracle_at(scene, site, TARGET)(value.float()).double()
    alpha = slope**2 / (2 * slope**2 + value.sum((2, 3), keepdim=True) * slope**3)
    weights = torch.where(slope > 0, alpha * slope, 0).sum((2, 3), keepdim=True)
    ours = mapped(scene, site, "grad_cam_plus_plus", KEPT, TARGET)
    assert relative_error(ours, (weights * value).sum(1, keepdim=True).float()) < 1e-5
    kind = pytorch_grad_cam.GradCAMPlusPlus(module, [])
    values, slopes = value.float().numpy(), slope.float().numpy()

    def theirs(times: float) -> Tensor:
        found = kind.get_cam_image(x, None, [], values / times, times * slopes, False)
        return torch.as_tensor(found)[None]

    assert relative_error(ours, theirs(1.0)) > 0.01, "its epsilon"
    assert relative_error(ours, theirs(1e5)) < 1e-5, "which does not matter for a score in other units"
    with quiet(), torchcam.GradCAMpp(module, "second") as cam:
        cam.hook_a, cam.hook_g = [value.float()], [slope.float()]
        cam._backprop = lambda *_, **__: None  # type: ignore[method-assign]
        (other,) = cam._get_weights(CLASS, value)
    assert relative_error(weights.flatten().float(), other.flatten()) > 0.01
