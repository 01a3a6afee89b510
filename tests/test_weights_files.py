"""Files of weights that people really have: they must be read, fitted and built, and give what the model gave."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.models import architectures, catalogue, torchvision_models, torchvision_shapes
from gradviz_core.models.torchvision_shapes import CLASSES
from gradviz_core.settings import settings
from gradviz_core.uploads import model_files, weights_files
from gradviz_core.uploads.weights_files import fitting, pickles, plans
from gradviz_core.uploads.weights_files.tensors import StoredTensor, check, check_total


def saved(value: object, protocol: int = 2) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, pickle_protocol=protocol)
    return out.getvalue()


def model(architecture: str, classes: int = 7) -> nn.Module:
    kind, _, name = architecture.partition("/")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        if kind == "preset":
            return architectures.build(name, classes).eval()
        made: nn.Module = torchvision.models.get_model(name, num_classes=classes)
        return made.eval()


def weights(architecture: str = "preset/shapes-cnn", classes: int = 7) -> dict[str, Tensor]:
    return dict(model(architecture, classes).state_dict())


def check_same(data: bytes, architecture: str, expected: nn.Module) -> weights_files.WeightsFile:
    found = weights_files.read(data)
    best = weights_files.fits(found.tensors)[0]
    assert (best.architecture, best.classes, best.differences) == (architecture, 7, 0)
    built = weights_files.build(architecture, found.tensors)
    assert not built.training
    assert not any(parameter.requires_grad for parameter in built.parameters())
    size = best.preprocessing.size if architecture.startswith("preset/") else (64, 64)
    x = torch.randn(1, len(best.preprocessing.mean), *size)
    with torch.no_grad():
        assert torch.equal(built(x), expected(x))
    return found


ROUND_TRIPS = [
    *(f"preset/{name}" for name in architectures.PRESET_NAMES if name != "shapes-shortcut"),
    *(
        f"torchvision/{name}"
        for name in "resnet18 densenet121 squeezenet1_1 mobilenet_v3_small mnasnet0_5 shufflenet_v2_x0_5 "
        "efficientnet_b0 regnet_y_400mf swin_v2_t convnext_tiny".split()
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ROUND_TRIPS)
def test_state_dict_gives_the_same_scores(architecture: str) -> None:
    expected = model(architecture)
    found = check_same(saved(expected.state_dict()), architecture, expected)
    assert found.format == "state_dict"
    assert found.notes == ()
    assert found.parts[0].parameters >= sum(parameter.numel() for parameter in expected.parameters())


@pytest.mark.parametrize("architecture", ["preset/shapes-vit", "torchvision/resnet18", "torchvision/swin_t"])
def test_safetensors_gives_the_same_scores(architecture: str) -> None:
    expected = model(architecture)
    data = safetensors.torch.save(dict(expected.state_dict()), metadata={"format": "pt"})
    assert check_same(data, architecture, expected).format == "safetensors"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numbers_and_texts_beside_the_tensors_are_read_as_they_are(protocol: int) -> None:
    whole = [0, 1, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**40, -1, -256, -(2**31), -(2**40), -(2**62), 2**63 - 1]
    value = {"whole": whole, "real": [0.1, -2.5, 1e300, 5e-324], "text": "Größe", "more": (None, True, False, (), [{}])}
    assert pickles.interpret(pickle.dumps(value, protocol)).value == value


def test_a_tensor_lies_where_its_strides_say_and_axes_of_one_have_any() -> None:
    content = memoryview(torch.arange(12.0).numpy().tobytes())
    stored = StoredTensor(content, torch.float32, (3, 1, 2), (2, 0, 1), offset=5)
    check("w", stored)
    assert stored.load().tolist() == [[[5, 6]], [[7, 8]], [[9, 10]]]
    check("w", StoredTensor(content, torch.float32, (3, 4), (1, 3)))
    with pytest.raises(BadModel, match="reaches beyond the 48 bytes"):
        check("w", StoredTensor(content, torch.float32, (3, 1, 2), (2, 0, 1), offset=7))
    with pytest.raises(BadModel, match="more than once"):
        check("w", StoredTensor(content, torch.float32, (3, 2), (1, 2)))


def test_strides_and_places_have_at_most_40_bits() -> None:
    content = memoryview(bytes(4))
    check("w", StoredTensor(content, torch.float32, (1,), (2**40 - 1,)))
    with pytest.raises(BadModel, match=r"has the shape \(1\); at most"):
        check("w", StoredTensor(content, torch.float32, (1,), (2**40,)))


def test_tensors_may_share_memory_as_tied_weights_do_and_no_more() -> None:
    stored = StoredTensor(memoryview(bytes(48)), torch.float32, (12,), (1,))
    check_total([stored, stored], 48)
    with pytest.raises(BadModel, match="they share memory"):
        check_total([stored, stored, stored], 48)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_pickle(protocol: int) -> None:
    expected = model("preset/digits-mlp")
    check_same(saved(expected.state_dict(), protocol), "preset/digits-mlp", expected)


@pytest.mark.parametrize("name", sorted(catalogue.TORCHVISION))
def test_the_table_says_what_torchvision_builds(name: str) -> None:
    """Run scripts/write_shapes.py where it does not. What a layer computes for itself is real once it is built."""
    plan = plans.plan(f"torchvision/{name}")
    module = plans.empty(f"torchvision/{name}", 5, None)
    state = {key: value for key, value in module.state_dict().items() if not key.endswith("tracked")}
    wanted = {key: tuple(5 if n == CLASSES else n for n in shape) for key, shape in plan.shapes.items()}
    assert {key: tuple(value.shape) for key, value in state.items()} == wanted
    assert {key for key, value in state.items() if not value.is_floating_point()} == plan.whole
    assert torchvision_shapes.table()[name].preprocessing == torchvision_models.proposed_preprocessing(name)
    heads = [key for key, shape in plan.shapes.items() if CLASSES in shape]
    assert len({key.rpartition(".")[0] for key in heads}) == 1
    kept = {key for key, _ in module.named_buffers()} - module.state_dict().keys()
    assert not [key for key, value in module.named_buffers() if key in kept and value.is_meta]
    assert all(value.is_meta for _, value in module.named_parameters())


def test_building_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    weights_files.build("preset/shapes-vit", weights_files.read(saved(weights("preset/shapes-vit"))).tensors)
    assert torch.equal(torch.random.get_rng_state(), before)


# ------------------------------------------------------------------------------------------------------------ wrappers

PLAIN = weights()

WRAPPED: dict[str, tuple[object, str]] = {
    "checkpoint": (
        {"epoch": 3, "state_dict": PLAIN, "optimizer": {"state": {0: {"step": torch.zeros(())}}, "param_groups": [{}]}},
        "The weights were found under 'state_dict'. Left out: 'epoch', 'optimizer'.",
    ),
    "two of them": ({"ema": weights(), "model": PLAIN}, "The weights were found under 'model'. Left out: 'ema'."),
    "an odd name": ({"generator": PLAIN, "step": 5}, "found under 'generator'"),
    "wrapped twice": ({"model": {"state_dict": PLAIN}}, "found under 'state_dict'"),
    "DataParallel": ({f"module.{k}": v for k, v in PLAIN.items()}, "The prefix 'module.' was removed"),
    "compiled": ({f"module._orig_mod.{k}": v for k, v in PLAIN.items()}, "The prefix '_orig_mod.' was removed"),
    "Lightning": ({"state_dict": {f"model.{k}": v for k, v in PLAIN.items()}}, "The prefix 'model.' was removed"),
    "averaged": (
        {"n_averaged": torch.tensor(3), **{f"module.{k}": v for k, v in PLAIN.items()}},
        "Left out, because they are outside of 'module.': 'n_averaged'.",
    ),
    "beside numbers": ({**PLAIN, "epoch": 3, "best": 0.5, "name": "x", "ok": True, "none": None}, "Left out: 'epoch'"),
    "parameters": (OrderedDict((k, nn.Parameter(v, v.is_floating_point())) for k, v in PLAIN.items()), ""),
    "with sizes": ({"state_dict": PLAIN, "input": torch.Size([1, 3])}, "Left out: 'input'"),
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.filterwarnings("ignore:.*requires_grad")
def test_unwrapped_and_said(name: str) -> None:
    value, sentence = WRAPPED[name]
    found = check_same(saved(value), "preset/shapes-cnn", model("preset/shapes-cnn"))
    assert sentence in " ".join(found.notes)


def test_prefixes_are_taken_off_in_safetensors() -> None:
    data = safetensors.torch.save({f"module.{name}": value for name, value in PLAIN.items()})
    found = check_same(data, "preset/shapes-cnn", model("preset/shapes-cnn"))
    assert found.notes == ("The prefix 'module.' was removed from the names of tensors.",)


# ------------------------------------------------------------------------------------------------------- odd, but fine


def test_views_in_any_layout_are_read() -> None:
    """Transposed, channels last, or a part of a larger tensor: what counts is what the view shows."""
    expected = model("preset/shapes-cnn")
    state = dict(expected.state_dict())
    state["classifier.weight"] = state["classifier.weight"].t().contiguous().t()
    state["features.0.weight"] = state["features.0.weight"].to(memory_format=torch.channels_last)
    large = torch.randn(20, 120)
    large[4:11] = state["classifier.weight"]
    state["classifier.weight"] = large[4:11]
    check_same(saved(state), "preset/shapes-cnn", expected)


def test_counters_of_batches_may_be_missing() -> None:
    state = {name: value for name, value in PLAIN.items() if not name.endswith("num_batches_tracked")}
    check_same(saved(state), "preset/shapes-cnn", model("preset/shapes-cnn"))


def test_old_names_of_densenet() -> None:
    expected = model("torchvision/densenet121")
    state = {
        name.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value
        for name, value in expected.state_dict().items()
    }
    check_same(saved(state), "torchvision/densenet121", expected)


def test_auxiliary_heads_are_left_out_and_said() -> None:
    expected = torchvision.models.googlenet(num_classes=7, init_weights=False, aux_logits=True, transform_input=True)
    expected.eval()
    found = weights_files.read(saved(expected.state_dict()))
    (best, *_) = weights_files.fits(found.tensors)
    assert (best.architecture, best.classes, best.differences) == ("torchvision/googlenet", 7, 0)
    assert fitting.notes("torchvision/googlenet", found.tensors) == (
        "The auxiliary heads were left out: they are used only in training.",
    )
    built = weights_files.build("torchvision/googlenet", found.tensors)
    pixels = torch.rand(1, 3, 64, 64)
    usual = (pixels - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    proposed = (pixels - 0.5) / 0.5
    assert best.preprocessing.mean == best.preprocessing.std == (0.5, 0.5, 0.5)
    with torch.no_grad():
        torch.testing.assert_close(built(proposed), expected(usual), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_vision_transformer_of_another_size() -> None:
    expected = torchvision.models.vit_b_32(num_classes=7, image_size=96).eval()
    found = weights_files.read(saved(expected.state_dict()))
    (best, *_) = weights_files.fits(found.tensors)
    assert (best.architecture, best.differences, best.preprocessing.size) == ("torchvision/vit_b_32", 0, (96, 96))
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        assert torch.equal(weights_files.build(best.architecture, found.tensors)(x), expected(x))


@pytest.mark.parametrize(
    ("dtype", "sentence"),
    [
        (torch.float16, "12 tensors are float16 in the file, and converted to float32, which holds them exactly."),
        (torch.bfloat16, "12 tensors are bfloat16 in the file, and converted to float32, which holds them exactly."),
        (torch.float64, "12 tensors are float64 in the file, and rounded to float32."),
    ],
)
@pytest.mark.parametrize("form", ["state_dict", "safetensors"])
def test_changed_dtypes_are_said(dtype: torch.dtype, sentence: str, form: str) -> None:
    expected = model("preset/digits-mlp").to(dtype)
    state: Mapping[str, Tensor] = expected.state_dict()
    state = {**state, **{f"{name}.copy": value for name, value in state.items()}}
    data = saved(state) if form == "state_dict" else safetensors.torch.save({k: v.clone() for k, v in state.items()})
    tensors = weights_files.read(
        data if form == "safetensors" else saved({k: v.clone() for k, v in state.items()})
    ).tensors
    assert weights_files.findings(tensors) == (sentence,)
    mine = {name: value for name, value in tensors.items() if not name.endswith("copy")}
    built = weights_files.build("preset/digits-mlp", mine)
    for name, value in built.state_dict().items():
        assert torch.equal(value, expected.state_dict()[name].float())


def test_values_that_are_no_numbers_are_said() -> None:
    state = {name: value.clone() for name, value in PLAIN.items()}
    state["features.0.weight"][0, 0, 0, 0] = float("nan")
    state["classifier.bias"][:] = float("inf")
    state["features.1.running_var"][2] = -1
    odd, negative = weights_files.findings(weights_files.read(saved(state)).tensors)
    assert odd.startswith("NaN or infinite numbers are in 'features.0.weight' (1), 'classifier.bias' (all)")
    assert negative.startswith("Negative variances are in 'features.1.running_var'")


# --------------------------------------------------------------------------------------------------------- differences


def spoiled(change: Mapping[str, Tensor | None]) -> bytes:
    state: dict[str, Tensor | None] = {**PLAIN, **change}
    return saved({name: value for name, value in state.items() if value is not None})


DIFFERENCES: dict[str, tuple[dict[str, Tensor | None], str]] = {
    "missing": ({"classifier.bias": None}, "one difference: 'classifier.bias' is missing."),
    "left over": ({"fc9.weight": torch.zeros(2)}, "one difference: 'fc9.weight' is not used."),
    "reshaped": ({"classifier.bias": torch.zeros(9)}, "'classifier.bias' is 9 instead of 7"),
    "transposed": (
        {"features.0.weight": torch.zeros(3, 24, 3, 3)},
        "'features.0.weight' is 3 x 24 x 3 x 3 instead of 24 x 3 x 3 x 3",
    ),
    "scalar": ({"features.1.bias": torch.zeros(())}, "'features.1.bias' is a single number instead of 24"),
    "int8": (
        {"classifier.weight": torch.ones(7, 120, dtype=torch.int8)},
        "'classifier.weight' holds int8 instead of floating-point numbers",
    ),
    "complex": (
        {"classifier.bias": torch.ones(7, dtype=torch.complex64)},
        "'classifier.bias' holds complex64 instead of floating-point numbers",
    ),
    "bool": ({"classifier.bias": torch.ones(7, dtype=torch.bool)}, "holds bool instead of"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_differences_are_listed(name: str) -> None:
    change, sentence = DIFFERENCES[name]
    with pytest.raises(BadModel) as caught:
        weights_files.build("preset/shapes-cnn", weights_files.read(spoiled(change)).tensors)
    assert str(caught.value).startswith("The weights do not fit preset/shapes-cnn, ")
    assert sentence in str(caught.value)
    assert "No other architecture here fits better" in str(caught.value)


def test_first_ten_differences_and_what_fits_best() -> None:
    tensors = weights_files.read(saved(weights("torchvision/resnet34"))).tensors
    with pytest.raises(BadModel) as caught:
        weights_files.build("torchvision/resnet18", tensors)
    text = str(caught.value)
    assert text.count(" is not used") == 10
    assert "80 differences" in text
    assert "; and 70 more. They fit torchvision/resnet34 with 7 classes: choose that." in text


def test_unknown_architecture() -> None:
    with pytest.raises(BadModel, match="Unknown architecture 'torchvision/resnet19'"):
        weights_files.build("torchvision/resnet19", weights_files.read(saved(PLAIN)).tensors)


def test_index_tables_must_be_the_architectures_own() -> None:
    state = weights("torchvision/swin_t")
    name = "features.1.0.attn.relative_position_index"
    state[name] = torch.full_like(state[name], 10**9)
    with pytest.raises(BadModel, match="differs from the values that torchvision/swin_t computes"):
        weights_files.build("torchvision/swin_t", weights_files.read(saved(state)).tensors)


def test_too_many_parameters_are_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADVIZ_MAX_PARAMETERS", "100000")
    settings.cache_clear()
    with pytest.raises(BadModel, match="the limit is 0 million"):
        weights_files.read(saved(PLAIN))
    monkeypatch.undo()
    settings.cache_clear()


def test_two_names_for_one_tensor_are_both_read() -> None:
    """As tied weights are saved: one storage, two names."""
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = weights_files.read(saved({"encoder.weight": shared, "decoder.weight": shared})).tensors
    assert torch.equal(tensors["encoder.weight"].load(), shared)
    assert torch.equal(tensors["decoder.weight"].load(), shared)


def test_one_dictionary_under_many_names_is_looked_through_once() -> None:
    """Looked through once for each name, this would take minutes."""
    inner = {str(i): i for i in range(20_000)}
    with pytest.raises(BadModel, match="contains no named tensors"):
        weights_files.read(saved({f"name {i}": inner for i in range(20_000)}))


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_float8_is_converted_exactly(dtype: torch.dtype) -> None:
    state = {name: value.to(dtype) for name, value in architectures.build("digits-mlp").state_dict().items()}
    report = model_files.inspect(safetensors.torch.save(state))
    assert any(f"{str(dtype).removeprefix('torch.')} in the file, and converted" in note for note in report.notes)
    built = weights_files.build("preset/digits-mlp", weights_files.read(safetensors.torch.save(state)).tensors)
    assert all(torch.equal(value, state[name].float()) for name, value in built.state_dict().items())


def test_a_tensor_without_elements_is_left_out_where_no_layer_needs_it() -> None:
    state = architectures.build("digits-mlp").state_dict()
    report = model_files.inspect(safetensors.torch.save({**state, "buffer": torch.empty(0, 3)}))
    assert report.fits[0].differences == 0
    assert any("Left out: 'buffer'" in note for note in report.notes)
    with pytest.raises(BadModel, match="without elements"):
        model_files.inspect(safetensors.torch.save({**state, "fc1.weight": torch.empty(0, 3)}))
