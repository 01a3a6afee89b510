"""What the programs say of themselves, and what they do about a gradient that PyTorch gets wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

import gradviz_core as gv
from gradviz_core.drawing import snippets
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
