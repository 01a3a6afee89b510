"""Arrays in one file: what numpy reads back, its length known before, and names that lead nowhere else."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from gradviz_core.compute import npz

TEXTS = {"question": '{"label":"Düne \u2192"}', "check": ""}
ARRAYS: dict[str, np.ndarray] = {
    "gradient/.input": np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4)[..., ::-1],
    "pixels": np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
    "channels": np.zeros(0, np.int64),
    "score": np.array(1 / 3),
}


def written(texts: dict[str, str], arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    npz.write(texts, arrays, out.write)
    return out.getvalue()


def test_numpy_reads_every_bit_and_the_length_was_known() -> None:
    file = written(TEXTS, ARRAYS)
    assert len(file) == npz.size(TEXTS, ARRAYS)
    with np.load(io.BytesIO(file), allow_pickle=False) as loaded:
        assert {name: str(loaded[name]) for name in TEXTS} == TEXTS
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(loaded[name], array, strict=True)
        assert sorted(loaded) == sorted([*TEXTS, *ARRAYS])


def test_the_same_arrays_give_the_same_file() -> None:
    assert written(TEXTS, ARRAYS) == written(TEXTS, ARRAYS)


def test_a_large_array_comes_in_parts() -> None:
    parts: list[int] = []
    npz.write({}, {"large": np.zeros(12_000_000, np.float32)}, lambda part: parts.append(len(part)))
    assert sum(parts) > 48_000_000
    assert max(parts) <= 2**24 + 100


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("gradient/layer2.0.relu", "gradient/layer2.0.relu"),
        ("activation/.input", "activation/.input"),
        ("gradient/..", "gradient/%2E%2E"),
        ("gradient/../../x", "gradient/%2E%2E/%2E%2E/x"),
        ("gradient//etc", "gradient/%/etc"),
        ("gradient/relu:1", "gradient/relu:1"),
        ("gradient/C:\\x", "gradient/C:%5Cx"),
        ("gradient/a\x00\u202eb", "gradient/a%00%E2%80%AEb"),
        ("gradient/50%", "gradient/50%25"),
        ("gradient/con.fc", "gradient/%63on.fc"),
        ("gradient/convolution", "gradient/convolution"),
        ("gradient/fc. ", "gradient/fc%2E%20"),
        ("gradient/fc[a]", "gradient/fc[a]"),
    ],
)
def test_no_name_leads_out_of_the_folder(name: str, safe: str) -> None:
    assert npz.safe_name(name) == safe
    (member,) = zipfile.ZipFile(io.BytesIO(written({}, {name: np.zeros(1)}))).namelist()
    assert member == f"{safe}.npy"


def test_two_names_that_become_one_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        npz.write({"a": ""}, {"a": np.zeros(1)}, lambda _: None)


def test_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        npz.write({}, {"a": np.array([print])}, lambda _: None)
