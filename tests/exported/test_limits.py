"""What a number, a text and an operation in an exported file may be, at most."""

from __future__ import annotations

import pytest
import torch

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported import operators, plain_json
from gradviz_core.uploads.exported.arguments import read_argument


def test_a_text_is_a_text_of_usual_length() -> None:
    def read(value: object) -> object:
        return read_argument({"as_string": value}, "mode", "str", lambda name: pytest.fail(f"{name} is no name"))

    assert read("x" * 500) == "x" * 500
    for refused in ("x" * 501, 5, None, ["x"]):
        with pytest.raises(BadModel, match="a string is invalid or too long"):
            read(refused)


def test_whole_numbers_have_64_bits_and_no_longer_one_is_printed() -> None:
    assert [plain_json.whole(n, "n") for n in (2**63 - 1, -(2**63))] == [2**63 - 1, -(2**63)]
    for refused in (2**63, -(2**63) - 1, True, 1.0, "1", None):
        with pytest.raises(BadModel, match="n is not a 64-bit integer"):
            plain_json.whole(refused, "n")
    assert [plain_json.shown(n) for n in (2**64 - 1, 1 - 2**64, 2.5)] == [str(2**64 - 1), str(1 - 2**64), "2.5"]
    assert {plain_json.shown(n) for n in (2**64, -(2**64), None, [1])} == {"something else"}


def test_an_operation_that_torchscript_alone_knows_or_that_writes_into_others_is_refused() -> None:
    refused = 0
    for packet in operators._ATEN:
        found = getattr(torch.ops.aten, packet, None)
        for overload in found.overloads() if found is not None else ():
            function = getattr(found, overload)
            arguments = function._schema.arguments
            written = [one.name for one in arguments if one.alias_info is not None and one.alias_info.is_write]
            if written not in ([], ["self"]) or not torch._C._dispatch_has_kernel(function.name()):
                refused += 1
                with pytest.raises(BadModel):
                    operators.find(f"torch.ops.aten.{packet}.{overload}")
    assert refused > 100
