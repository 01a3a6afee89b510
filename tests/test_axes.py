"""Which axis of a value counts channels: what the operations of a forward pass tell, and what is a guess."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from random import Random

import pytest
import torch
import torchvision
from hypothesis import given, settings
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.errors import BadTarget
from gradviz_core.models.architectures import build
from gradviz_core.tracing import trace
from gradviz_core.tracing.backward import differentiate_all
from gradviz_core.tracing.following import Follower
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.passes import forward, recording
from gradviz_core.types import INPUT, OUTPUT, Site, SiteInfo, layouts
from gradviz_core.uploads import exported
from tests import axis_models, zoo
from tests.axis_stacks import Stack, stacks
from tests.exported.files import exported_bytes
from tests.kernels.draw import Draw
from tests.kernels.search import OPERATIONS


def surveyed(module: nn.Module, *shape: int) -> dict[str, SiteInfo]:
    found = trace.survey(module.eval(), torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    return {str(info.site): info for info in found}


# ----------------------------------------------------------------------------------------------------- a known channel

MODELS: list[tuple[nn.Module, dict[str, str]]] = [
    (
        axis_models.Sequences(),
        dict.fromkeys(("flat", "body.0", "body.1", "body.2", "body.3", "body", "pool", "up", "drop"), "sequence"),
    ),
    (
        axis_models.Volumes(),
        dict.fromkeys(("conv", "norm", "act", "instance", "pool"), "volumes") | {"last": "volumes_last"},
    ),
    (
        axis_models.Mixer(),
        {"patches": "maps", "first": "tokens", "second": "tokens", "channels.0": "tokens", "channels": "tokens"}
        | dict.fromkeys(("tokens.0", "tokens.1", "tokens.2", "tokens"), "sequence"),
    ),
    (
        axis_models.ConvMixer(),
        dict.fromkeys(("embed", "norm", "tokens.0", "tokens.1", "tokens"), "tokens"),
    ),
    (axis_models.PoolFormer(), dict.fromkeys(("patches", "norm", "pool", "mlp.0", "mlp.1", "mlp"), "maps")),
    (
        axis_models.Detector(),
        {"fine": "maps", "second:1": "maps", "raw": "sequence", "joined": "sequence", "boxes": "tokens"},
    ),
    (axis_models.SingleShot(), {"heads.2": "maps", "boxes": "tokens"}),
    (
        axis_models.Heads(),
        {"patches": "maps", "qkv": "tokens", "weights": "maps", "mixed": "tokens", "out": "tokens"},
    ),
    (axis_models.Memory(), {"learned": "tokens", "keys": "tokens", "weights": "maps", "mixed": "tokens"}),
    (axis_models.Transformed(), {"conv": "maps", "last": "maps_last"}),
    *(
        (axis_models.Recurrent(kind), {"rows[0]": "tokens", "dropout": "tokens", "head": "vector"})
        for kind in (nn.LSTM, nn.GRU, nn.RNN)
    ),
]


@pytest.mark.parametrize(("module", "true"), MODELS, ids=lambda value: type(value).__name__)
def test_every_kind_of_network_is_read_as_it_is_built(module: nn.Module, true: dict[str, str]) -> None:
    found = surveyed(module, 1, 3, 12, 12)
    assert {name: (found[name].layout, found[name].layout_known) for name in true} == {
        name: (layout, True) for name, layout in true.items()
    }


def test_a_recurrent_layer_in_float64_which_pytorch_takes_apart_is_read_the_same() -> None:
    found = trace.survey(axis_models.Recurrent(nn.LSTM).double().eval(), torch.zeros(1, 3, 12, 12, dtype=torch.float64))
    assert {str(info.site): info.layout for info in found if info.site.path == "rows"}["rows[0]"] == "tokens"


@settings(deadline=None, max_examples=60)
@given(stacks())
def test_every_site_of_a_random_stack_is_read_as_it_was_built(stack: Stack) -> None:
    infos = surveyed(nn.Sequential(*stack.layers), 1, 3, *stack.sides)
    for number, axis in enumerate(stack.axes):
        info = infos[str(number)]
        assert (info.axis, info.layout_known) == (axis, True), (info, stack.layers)


TORCHVISION: list[tuple[str, int, dict[str, str]]] = [
    ("resnet18", 32, {"conv1": "maps", "layer2.0.bn2": "maps", "layer4": "maps", "avgpool": "maps", "fc": "vector"}),
    (
        "swin_t",
        32,
        {"features.0.0": "maps", "features.0.1": "maps_last", "features.1.0.attn": "maps_last"}
        | dict.fromkeys(("features.1.1.mlp.1", "features.2.norm", "features.3.0", "norm"), "maps_last")
        | {"permute": "maps", "avgpool": "maps", "flatten": "vector"},
    ),
    (
        "convnext_tiny",
        32,
        {"features.0.1": "maps", "features.1.0.block.0": "maps", "features.1.0.block.6": "maps", "features.1.0": "maps"}
        | dict.fromkeys(("features.1.0.block.1", "features.1.0.block.3", "features.1.0.block.4"), "maps_last"),
    ),
    (
        "vit_b_32",
        224,
        {"conv_proj": "maps", "heads.head": "vector"}
        | dict.fromkeys(("encoder.dropout", "encoder.layers.encoder_layer_0.mlp.1", "encoder.ln"), "tokens")
        | {"encoder.layers.encoder_layer_3.self_attention[0]": "tokens"},
    ),
    ("densenet121", 32, {"features.denseblock1.denselayer2.norm1": "maps", "features.transition1.pool": "maps"}),
    ("shufflenet_v2_x0_5", 32, {"stage2.0": "maps", "stage2.1": "maps", "conv5.2": "maps"}),
    ("efficientnet_b0", 32, {"features.1.0.block.1.avgpool": "maps", "features.1.0.block.1.fc2": "maps"}),
    ("maxvit_t", 224, {"stem.0.0": "maps", "blocks.0.layers.0.layers.MBconv": "maps"}),
]


@pytest.mark.parametrize(
    ("name", "size", "true"), TORCHVISION, ids=lambda value: value if isinstance(value, str) else ""
)
def test_networks_that_others_built(name: str, size: int, true: dict[str, str]) -> None:
    found = surveyed(torchvision.models.get_model(name, weights=None), 1, 3, size, size)
    assert {site: (found[site].layout, found[site].layout_known) for site in true} == {
        site: (layout, True) for site, layout in true.items()
    }


def test_channels_of_the_presets() -> None:
    found = {info.site: info for info in trace.survey(build("shapes-vit").eval(), torch.zeros(1, 3, 96, 96))}
    assert found[Site("patches")].layout == "maps"
    assert found[Site("layers.0")].layout == "tokens"
    assert found[Site("layers.0.attention", 0, "0")].layout == "tokens"
    assert found[Site("layers.0.attention", 0, "1")].layout == "maps"
    assert found[OUTPUT].layout == "vector"


@pytest.mark.parametrize(("name", "size"), [("swin_t", 64), ("convnext_tiny", 64), ("vit_b_32", 224), ("resnet18", 64)])
def test_channels_of_real_networks(name: str, size: int) -> None:
    """Everywhere the channel axis has as many entries as the layer has channels."""
    sizes = {"swin_t": (96, 192, 384, 768), "convnext_tiny": (96, 192, 384, 768), "resnet18": (64, 128, 256, 512)}
    wide = {3, *sizes.get(name, ())} | {side * 4 for side in sizes.get(name, ())}
    for info in surveyed(torchvision.models.get_model(name, weights=None), 1, 3, size, size).values():
        assert info.layout_known
        if len(info.shape) == 4 and name in sizes:
            assert info.shape[layouts.channel_axis(info)] in wide, info
        elif len(info.shape) == 3:
            assert info.shape == (1, 50, 768) or info.shape[2] == 3072, info
            assert info.layout == "tokens"


@pytest.mark.parametrize("kind", [axis_models.Mixer, axis_models.Detector, axis_models.Heads, axis_models.Sequences])
def test_an_exported_program_is_read_as_the_model_it_was_made_of(kind: type[nn.Module]) -> None:
    module, x = kind().eval(), torch.zeros(1, 3, 12, 12)
    mine = trace.survey(exported.read(exported_bytes(module, x)).module, x)
    true = {info.site: (info.layout, info.layout_known) for info in trace.survey(module, x)}
    read = {info.site: (info.layout, info.layout_known) for info in mine if info.site in true}
    assert read == {site: true[site] for site in read}
    assert len(read) > 5


# ------------------------------------------------------------------------------------------------------------- a guess


def test_what_nothing_tells_is_a_guess_and_says_so() -> None:
    found = surveyed(axis_models.Nothing(), 1, 3, 12, 12)
    assert (found["rows"].layout, found["rows"].layout_known) == ("tokens", False)
    assert (found[".input"].layout, found[".input"].layout_known) == ("maps", False)
    assert (found["flat"].layout, found["flat"].layout_known) == ("vector", True)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors is in prototype stage")
def test_nested_tensors_have_no_axes_and_do_no_harm() -> None:
    class Ragged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(12, 4)

        def forward(self, x: Tensor) -> Tensor:
            rows = torch.nested.as_nested_tensor([x[0, 0, :3], x[0, 1]])
            return self.head(torch.nested.to_padded_tensor(rows, 0.0).sum(1))  # type: ignore[no-any-return]

    found = surveyed(Ragged(), 1, 3, 12, 12)
    assert found["head"].shape == (2, 4)


def test_heads_and_the_features_of_each_are_channels_both_so_one_of_them_is_a_guess() -> None:
    found = surveyed(axis_models.Heads(), 1, 3, 12, 12)["queries"]
    assert (found.shape, found.layout, found.layout_known) == ((1, 2, 9, 4), "maps", False)


def test_a_guess_follows_the_latest_value_of_that_shape() -> None:
    seen = {Site(name): ("", (1, 7, 7, 7)) for name in "abc"}
    found = layouts.read(seen, {Site("a"): 1, Site("b"): 3, Site("c"): None})
    assert found[Site("c")] == layouts.Reading(3, known=False)


def test_an_operation_that_no_rule_fits_costs_the_axes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> object:
        raise IndexError

    monkeypatch.setattr("gradviz_core.tracing.following.rule_for", breaks)
    found = surveyed(axis_models.Sequences(), 1, 3, 12, 12)
    assert not found["body.0"].layout_known
    assert found["head"].layout == "vector"


# ------------------------------------------------------------------------------------------- what questions are told


class Case(nn.Module):
    """A one-dimensional convolution after a flattened map, and what keeps its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.line, self.norm = (
            nn.Conv2d(3, 6, 3, padding=1),
            nn.Conv1d(6, 9, 3, padding=1),
            nn.BatchNorm1d(9),
        )
        self.act, self.head = nn.ReLU(), nn.Linear(9, 4)

    def inner(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.line(self.conv(x).flatten(2))))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.inner(x).mean(2))  # type: ignore[no-any-return]


def test_the_mean_of_a_channel_of_a_sequence_is_that_of_a_channel() -> None:
    torch.manual_seed(0)
    module, x = Case().eval(), torch.randn(1, 3, 5, 5)
    value = module.inner(x)
    for channel in range(9):
        found = trace.gradients(module, x, target=gv.ChannelMean(Site("act"), channel))
        assert found.score == pytest.approx(value[0, channel].mean().item(), rel=1e-6)
    with pytest.raises(BadTarget, match=r"Channel 9 does not exist in act: it has channels 0 to 8\."):
        trace.gradients(module, x, target=gv.ChannelMean(Site("act"), 9))


def test_the_axis_that_a_person_chooses_counts() -> None:
    module, x = Case().eval(), torch.randn(1, 3, 5, 5)
    found = trace.gradients(module, x, target=gv.ChannelMean(Site("act"), 20, axis=2))
    assert found.score == pytest.approx(module.inner(x)[0, :, 20].mean().item(), rel=1e-6)
    for axis in (0, 3):
        with pytest.raises(BadTarget, match=rf"on axis {axis}: its axes are 0 to 2, .* one from 1 to 2\.$"):
            trace.gradients(module, x, target=gv.ChannelMean(Site("act"), 1, axis=axis))


# ------------------------------------------------------------------------------------------- numbers stay what they are


@pytest.mark.parametrize("name", [*zoo.IMAGE_MODELS, "resnet18", "swin_t", "vit_b_32"])
def test_following_changes_no_bit_of_any_value_or_gradient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, x = _built(name)
    found = [_everything(module, x)]
    monkeypatch.setattr(Follower, "__enter__", lambda self: self)
    monkeypatch.setattr(Follower, "__exit__", lambda *_: None)
    found.append(_everything(module, x))
    followed, plain = found
    assert followed.keys() == plain.keys()
    assert all(torch.equal(followed[key], plain[key]) for key in plain)


@pytest.mark.parametrize("name", OPERATIONS)
def test_following_an_operation_changes_no_bit_of_it(name: str) -> None:
    plain, followed = (_of_operation(name, follow) for follow in (False, True))
    assert len(plain) == len(followed)
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(plain, followed, strict=True))


def _of_operation(name: str, follow: bool) -> list[Tensor]:
    """What an operation gives, and its gradient along random numbers, for values drawn from a seed."""
    draw = Draw(2, torch.float32, torch.device("cpu"), Random(1), torch.Generator().manual_seed(1))
    function, drawn = OPERATIONS[name](draw)
    values = [value.detach().requires_grad_() for value in drawn]
    follower = Follower([])
    for number, value in enumerate(values):
        follower.at(Site(INPUT.path, number), value)
    torch.manual_seed(0)
    with follower if follow else nullcontext():
        returned = function(*values)
    given = [one for one in tensors(returned).values() if one.is_floating_point() and one.requires_grad]
    weights = [torch.randn(one.shape, generator=torch.Generator().manual_seed(2)) for one in given]
    slopes: Sequence[Tensor | None] = torch.autograd.grad(given, values, weights, allow_unused=True) if given else ()
    return [one.detach() for one in (*given, *slopes) if one is not None]


class Energy(nn.Module):
    """One step down an energy, whose gradient is taken within the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.inner, self.norm = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 7, 3), nn.BatchNorm2d(5)
        self.after, self.head = nn.Softplus(), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x)
        energy = (1 + torch.nn.functional.softplus(self.inner(self.norm(h)))).prod(1).sum()
        (slope,) = torch.autograd.grad(energy, h, create_graph=True)
        return self.head(self.after(h - slope).mean((2, 3)))  # type: ignore[no-any-return]


def test_gradients_that_a_model_takes_itself_keep_their_bits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    module, x = Energy().eval(), torch.randn(1, 3, 9, 9)
    followed = _everything(module, x)
    assert surveyed(module, 1, 3, 9, 9)["after"].layout_known
    monkeypatch.setattr(Follower, "__enter__", lambda self: self)
    monkeypatch.setattr(Follower, "__exit__", lambda *_: None)
    plain = _everything(module, x)
    assert all(torch.equal(followed[key], plain[key]) for key in plain)


def _built(name: str) -> tuple[nn.Module, Tensor]:
    if name in zoo.IMAGE_MODELS:
        return zoo.build(name), zoo.image()
    torch.manual_seed(0)
    size = 224 if name.startswith("vit") else 32
    return torchvision.models.get_model(name, weights=None).eval(), torch.randn(1, 3, size, size)


def _everything(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Every value, and every gradient of the sum of what the model returns."""
    watched = forward(module, x)
    with recording():
        score = sum(value.sum() for site, value in watched.values.items() if not site.path)
    assert isinstance(score, Tensor)
    slopes = differentiate_all(watched, score)[0]
    values = {f"value {site}": value for site, value in watched.values.items()}
    return values | {f"slope {site}": slope for site, slope in slopes.items() if slope is not None}
