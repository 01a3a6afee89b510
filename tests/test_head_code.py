"""The lines of a program that take a score: each says what its number is."""

from __future__ import annotations

import pytest

from gradviz_core.types.head_code import score_lines
from gradviz_core.types.heads import OutputKind, ScoreScale


@pytest.mark.parametrize("kind", ["softmax_logits", "sigmoid_logits", "probabilities", "log_probabilities"])
@pytest.mark.parametrize(
    ("scale", "against", "said"),
    [
        ("probability", False, "its probability"),
        ("log_probability", False, "its log-probability"),
        ("probability", True, "1 - its probability"),
        ("log_probability", True, "log(1 - its probability)"),
    ],
)
def test_a_line_says_what_it_computes(kind: OutputKind, scale: ScoreScale, against: bool, said: str) -> None:
    last = score_lines("z", kind, scale, against=against, result="found")[-1]
    assert last.startswith("found = ")
    assert last.endswith(f"  # {said}")


def test_a_logit_is_called_one_where_it_is_one() -> None:
    assert score_lines("z", "softmax_logits", "logit") == ["score = z[index]  # its logit"]
    assert score_lines("z", "sigmoid_logits", "logit", against=True) == ["score = -z[index]  # its logit"]
    assert score_lines("z", "numbers", "logit", against=True) == ["score = -z[index]"]
