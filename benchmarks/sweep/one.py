"""One model of the sweep: exported, read by GradViz, and compared to the last bit."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable

import torch

from benchmarks.sweep.cases import Model
from benchmarks.sweep.comparing import answers, difference, prepared
from benchmarks.sweep.results import AS_EXPORTED, IDENTICAL, Result
from gradviz_core.errors import GradVizError
from gradviz_core.uploads import cost, exported
from gradviz_core.uploads.exported.program import OfOneImage, Program


def compared(make: Callable[[], Model]) -> Result:
    """What becomes of the model that ``make`` makes."""
    torch.manual_seed(0)
    try:
        module, inputs = make()
        prepared(module)
        true = answers(copy.deepcopy(module), inputs)  # a copy: some modules keep what they computed while exported
        program = torch.export.export(module, inputs)
        torch.export.save(program, file := io.BytesIO())
    except Exception as error:  # noqa: BLE001 (whatever torch or the library raises)
        return Result(exported=_first_line(error))
    try:
        read = exported.read(file.getvalue()).module
        assert isinstance(read, Program), "a file becomes a program"
        cost.check(OfOneImage(read, 0, inputs[1]) if len(inputs) > 1 else read, tuple(inputs[0].shape))
    except GradVizError as error:
        return Result(exported="", read=str(error))
    try:
        mine = answers(read, inputs)
        far = difference(true, mine)
        if far and not difference(answers(program.module(), inputs), mine):
            far = f"{AS_EXPORTED}: {far}"
        return Result(exported="", read="", same=far or IDENTICAL)
    except Exception as error:  # noqa: BLE001 (whatever stands in the table then)
        return Result(exported="", read="", same=_first_line(error))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().partition("\n")[0][:300]
