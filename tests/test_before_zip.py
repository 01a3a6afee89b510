"""Files as torch wrote them before version 1.6: pickles one behind the other, then the storages."""

from __future__ import annotations

import pickle

import pytest
import torch
import torchvision

from gradviz_core.errors import BadModel
from gradviz_core.uploads import model_files, weights_files
from gradviz_core.uploads.weights_files import before_zip
from tests.test_checkpoints import PLAIN, check_same, saved

OLD = saved(PLAIN, zipped=False)


def test_the_old_format_is_known_by_its_first_bytes() -> None:
    assert before_zip.looks_like(OLD)
    assert not before_zip.looks_like(saved(PLAIN))
    assert not before_zip.looks_like(pickle.dumps({"a": 1}))


def test_in_the_old_format_views_and_shared_storages_are_read() -> None:
    base = torch.randn(20, 784)
    state = {
        **PLAIN,
        "fc2.weight": PLAIN["fc2.weight"].t().contiguous().t(),
        "x.weight": base[3:5],
        "y.weight": base[4:],
    }
    read = weights_files.read(saved(state, zipped=False)).tensors
    for name, value in state.items():
        assert torch.equal(read[name].load(), value)


SMALL = saved({"w": torch.arange(3.0), "v": torch.arange(2)}, zipped=False)
OLD_REFUSED: dict[str, tuple[bytes, str]] = {
    "cut off": (SMALL[:-1], "reaches beyond the file"),
    "without its storages": (SMALL[: SMALL.rindex(b"\x00\x00\x00\x00") - 60], "reaches beyond|cut off"),
    "something after it": (SMALL + b"x", "1 bytes at its end belong to no tensor"),
    "big-endian": (SMALL.replace(b"little_endianq\x02\x88", b"little_endianq\x02\x89"), "it must be little"),
    "another version": (SMALL.replace(b"\x80\x02M\xe9\x03.", b"\x80\x02M\xea\x03."), "does not begin as torch"),
    "another magic number": (SMALL.replace(b"\x8a\nl\xfc", b"\x8a\nl\xfd"), "a bare pickle"),
    "a storage that is larger": (SMALL.replace(b"K\x03N", b"K\x04N"), "claims a storage of 4 elements"),
}


@pytest.mark.parametrize("name", OLD_REFUSED)
def test_the_old_format_refused(name: str) -> None:
    data, sentence = OLD_REFUSED[name]
    assert data != SMALL
    with pytest.raises(BadModel, match=sentence):
        model_files.inspect(data)


def test_a_large_network_in_the_old_format() -> None:
    expected = torchvision.models.squeezenet1_1(num_classes=7).eval()
    check_same(saved(expected.state_dict(), zipped=False), expected, "torchvision/squeezenet1_1")
