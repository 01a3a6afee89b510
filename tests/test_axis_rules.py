"""What single operations tell of axes, those too that PyTorch uses on some devices only."""

from __future__ import annotations

import pytest

from gradviz_core.tracing.axes import Statements, unknown
from gradviz_core.tracing.axis_rules import Call, Given, rule_for


@pytest.mark.parametrize("name", ["linear", "mkldnn_rnn_layer", "_cudnn_rnn"])
def test_a_layer_over_the_last_axis_keeps_the_others_and_says_that_it_counts_channels(name: str) -> None:
    shape = (1, 5, 6, 7)
    one, weight = Given(shape, unknown(shape), True), Given((9, 7), unknown((9, 7)), False, weight=True)
    statements = Statements()
    call = Call(name, [one, weight], [one, weight], statements)
    found = rule_for(name, pointwise=False, first=True)(call, (1, 5, 6, 9))
    assert [part.size for axis in found for part in axis] == [1, 5, 6, 9]
    assert all(mine is theirs for mine, theirs in zip(found[:-1], one.axes[:-1], strict=True))
    assert [statements.said_of(axis) is not None for axis in found] == [False, False, False, True]
    assert statements.said_of(one.axes[-1]) is not None
