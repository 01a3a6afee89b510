"""The code of what regions do to the score over several images, as medians."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import method_words
from gradviz_core.drawing.snippets.flow import RUN, backward, watched, wrapped
from gradviz_core.drawing.snippets.layers import again, all_scores, region_lines
from gradviz_core.drawing.snippets.program import Block, comment, program, quoted
from gradviz_core.drawing.snippets.scores import score
from gradviz_core.drawing.snippets.setting import Setting, held_image, looked_at, model, numbers
from gradviz_core.types import MethodName, SiteInfo, Target, keys
from gradviz_core.types.methods import OptionValues, card_of

_FILE = re.compile(r'"your-[a-z]+\.[a-z0-9]+"')


def region_medians(
    setting: Setting,
    target: Target,
    infos: Sequence[SiteInfo],
    method: MethodName,
    options: OptionValues,
    samples: Sequence[str],
) -> str:
    """``shown`` is the median over several images of what ``layer_regions`` shows of each: over the ``samples`` with
    these keys, or without any over the files of a folder. The target names its class."""
    upload = None if samples else setting.upload
    setting = replace(setting, sample=samples[0] if samples else "", upload=upload)
    about = method_words.sentence(method, options, target, setting.card.labels, "each layer output")
    here, body = score(target, setting), region_lines(setting, target, infos, method, options)
    held = held_image(setting)
    found = here, backward(again=again(body)), *all_scores(setting, target, body)
    lines = [RUN, *(line for block in found for line in block.lines), *body, "return shown"]
    changes = Block(
        (
            "def changes(x):  # of the score, a row for each layer, as its region is kept alone and dropped",
            *(textwrap.indent(line, "    ") for line in ("kept.clear()", "passed_on.clear()", *lines)),
        ),
        ("import math", "import numpy as np", "import torch", *here.imports, *card_of(method).imports),
    )
    return program(
        f"{about}: what its regions do to the score, as medians over several images.",
        model(setting, by_layer=True),
        watched(setting),
        changes,
        *([held] if held is not None else []),
        _each_image(setting, samples),
    )


def _each_image(setting: Setting, samples: Sequence[str]) -> Block:
    """The loop over the images that are looked at, and the median."""
    start, network = looked_at(setting), numbers(setting)
    own = "of the files in your-images; files of other kinds than here are read in other lines"
    if samples:
        named, every = quoted(keys.name(setting.sample)), wrapped([quoted(keys.name(sample)) for sample in samples])
    else:
        named, every = "", 'sorted(pathlib.Path("your-images").iterdir())'
    lines = [
        _FILE.sub("name", line.replace(f"sample_file({named})", "sample_file(name)"))
        for line in (*start.lines, *network.lines)
    ]
    return Block(
        (
            comment(f"The median over the images {'with these names' if samples else own}."),
            "each = []",
            f"for name in {every}:",
            *(textwrap.indent(line, "    ") for line in lines),
            "    each.append(changes(x))",
            "shown = np.nanmedian(each, axis=0)",
        ),
        (*start.imports, *network.imports, *(() if samples else ("import pathlib",))),
    )
