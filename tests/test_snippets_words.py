"""What the programs say of themselves, and what they do about a gradient that PyTorch gets wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.drawing.snippets.program import Block, comment, program, quoted
from gradviz_core.drawing.snippets.setting import Setting
from tests import snippet_runs

OF, WRT, ROWS = gv.OUTPUT, gv.Site("layer3.0.relu"), (2, 5)
GUARD = "node.register_prehook(with_gaps)"


@pytest.fixture(scope="module")
def at() -> Setting:
    return snippet_runs.setting("preset/shapes-resnet", "sample/star")


def test_programs_about_a_jacobian_name_the_rows_that_they_compute(at: Setting) -> None:
    """The rows end before the second number, and a person reads the last one."""
    info = next(info for info in at.sites if info.site == WRT)
    programs = [
        snippets.jacobian(at, OF, WRT, ROWS),
        snippets.sensitivities(at, OF, WRT, ROWS),
        snippets.singular_values_by_products(at, OF, WRT, ROWS, 2),
        snippets.first_direction(at, OF, info, ROWS, 2),
    ]
    for code in programs:
        assert ", rows 2 to 4, " in code.replace("\n# ", " "), code


def test_a_program_with_a_gradient_has_the_guard_where_the_answer_had_it(at: Setting) -> None:
    guarded = replace(at, guarded=True)
    assert GUARD in snippets.jacobian(guarded, OF, WRT, ROWS)
    assert GUARD not in snippets.jacobian(at, OF, WRT, ROWS)


def test_imports_stand_in_three_groups_plain_ones_first() -> None:
    """Python's own, then others, then GradViz."""
    first = Block(("x = 1",), ("import gradviz_core as gv", "from torch import nn", "import torch"))
    second = Block(("y = 2",), ("import torch", "import re", "import numpy as np"))
    groups = "import re\n\nimport numpy as np\nimport torch\nfrom torch import nn\n\nimport gradviz_core as gv"
    assert program("About.", first, second) == f"# About.\n\n{groups}\n\nx = 1\n\ny = 2\n"


def test_a_comment_is_never_broken_at_a_hyphen() -> None:
    assert comment(f"{'x' * 60} gradient-times-input-of-a-model").split("\n") == [
        f"# {'x' * 60}",
        "# gradient-times-input-of-a-model",
    ]


@pytest.mark.parametrize(
    ("key", "architecture", "exported"),
    [("upload/a", "", True), ("upload/a", "torchvision/resnet18", False), ("preset/shapes-cnn", "", False)],
)
def test_an_upload_without_an_architecture_is_an_exported_model(
    key: str, architecture: str, exported: bool, at: Setting
) -> None:
    assert replace(at, card=replace(at.card, key=key), architecture=architecture).exported == exported


@pytest.mark.parametrize(
    ("architecture", "loaded"),
    [("googlenet", "load_state_dict(state, strict=False)"), ("resnet18", "load_state_dict(state)\n")],
)
def test_weights_of_auxiliary_heads_alone_may_be_left_over(architecture: str, loaded: str, at: Setting) -> None:
    card = replace(at.card, key="upload/a")
    code = snippets.jacobian(replace(at, card=card, architecture=f"torchvision/{architecture}"), OF, WRT, ROWS)
    assert f"model.{loaded}" in code
    assert f'get_model("{architecture}", weights=None, num_classes=10' in code


def test_programs_about_a_jacobian_keep_the_layers_of_an_exported_model(at: Setting) -> None:
    """Their hooks stand on its layers."""
    exported = replace(at, card=replace(at.card, key="upload/a"), architecture="")
    info = next(info for info in at.sites if info.site == WRT)
    programs = [
        snippets.jacobian(exported, OF, WRT, ROWS),
        snippets.singular_values_by_products(exported, OF, WRT, ROWS, 2),
        snippets.one_output(exported, OF, info, 2),
    ]
    for code in programs:
        assert 'model = torch.export.unflatten(torch.export.load("your-model.pt2"))' in code


def test_a_letter_that_nobody_sees_is_written_as_its_number() -> None:
    assert [quoted(text) for text in ("é", "a\u115fb", "a\u200bb")] == ['"é"', "'a\\u115fb'", "'a\\u200bb'"]
