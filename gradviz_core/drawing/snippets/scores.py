"""The forward pass, with a hook where a value inside is needed, up to the score."""

from __future__ import annotations

import textwrap

from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment, quoted
from gradviz_core.drawing.snippets.setting import Setting, output_item
from gradviz_core.types import INPUT, Site, Target
from gradviz_core.types.sites import ordinal, site_name

_TRAP = (
    "The hook returns a clone: the next in-place ReLU or += then overwrites the clone and not the kept value. "
    "Without it many layers of a ResNet show another layer's values and gradients."
)


def inside(target: Target) -> Site | None:
    """The site a target is read from, unless that is what the model returns."""
    return target.at if target.at is not None and target.at.path else None


def forward(setting: Setting, site: Site | None) -> Block:
    """``output = model(x)``; and ``value``, what ``site`` gave, exactly, before anything writes to it."""
    if site is None or site == INPUT:
        return Block((comment("Forward."), *_run(site)))
    hook = _hook(setting, site)
    return Block((*hook.lines, *_run(site)), hook.imports, hook.functions)


def gradient_at(setting: Setting, target: Target) -> tuple[Block, ...]:
    """A function of this name: the gradient of the score by the input, wherever that is. The target names its class."""
    return _at(setting, target, "gradient_at", "torch.autograd.grad(score, x)[0]")


def score_at(setting: Setting, target: Target) -> tuple[Block, ...]:
    """A function of this name: the score as a number, for any input. The target names its class."""
    return _at(setting, target, "score_at", "score.item()")


def score_of(setting: Setting, target: Target) -> tuple[Block, ...]:
    """A function of this name: the score with its graph, for any input. The target names its class."""
    return _at(setting, target, "score_of", "score")


def score_from(setting: Setting, target: Target) -> tuple[Block, ...]:
    """A function of this name: the score of what the model returned. The target names its class."""
    here = score(target, setting)
    value = ["value = output"] if target.at is not None else []
    lines = (
        "",
        "def score_from(output):",
        *(textwrap.indent(line, "    ") for line in (*value, *here.lines)),
        "    return score",
        "",
    )
    return (Block(lines, ("import torch", *here.imports), here.functions),)


def _at(setting: Setting, target: Target, name: str, gives: str) -> tuple[Block, ...]:
    """A function of this ``name`` of the input, which ``gives`` something of the score there."""
    site = inside(target)
    hooks = () if site is None or site == INPUT else (_hook(setting, site),)
    here = score(target, setting)
    body = ["x = x.detach().requires_grad_()", *(["kept.clear()"] if hooks else []), *_run(site), *here.lines]
    lines = (
        "",
        f"def {name}(x):",
        *(textwrap.indent(line, "    ") for line in body),
        f"    return {gives}",
        "",
    )
    return (*hooks, Block(lines, ("import torch", *here.imports), here.functions))


def _run(site: Site | None) -> tuple[str, ...]:
    run = "output = model(x)"
    if site is None:
        return (run,)
    if site == INPUT:
        return (run, "value = x")
    which = f"  # the {ordinal(site.call)} call" if site.call else ""
    return (run, f"value = kept[{site.call}]{which}")


def _hook(setting: Setting, site: Site) -> Block:
    """What keeps the value of a site inside on the way."""
    passed_on = "map_tensors(torch.clone, output)" if site.item else "output.clone()"
    lines = (
        comment(f"Forward pass that keeps the value of {site_name(site)}. {_TRAP}"),
        "kept = []",
        "",
        "",
        "def keep(module, inputs, output):",
        f"    kept.append(output{output_item(site.item)})",
        f"    return {passed_on}",
        "",
        "",
        *hooked(setting, site),
    )
    imports = (*(("import torch",) if site.item else ()), *imports_of_hook(setting, site))
    return Block(lines, imports, (MAP_TENSORS,) if site.item else ())


def hooked(setting: Setting, site: Site, hook: str = "keep") -> tuple[str, ...]:
    """The lines that put the function ``hook`` on a layer."""
    if not _has_copies(setting, site):
        return (f"model.get_submodule({quoted(site.path)}).register_forward_hook({hook})",)
    return (
        "for name, module in model.named_modules():",
        f'    if re.sub(r"@\\d+", "", name) == {quoted(site.path)}:  # also relu@1, its next call',
        f"        module.register_forward_hook({hook})",
    )


def imports_of_hook(setting: Setting, site: Site) -> tuple[str, ...]:
    """What ``hooked`` needs."""
    return ("import re",) if _has_copies(setting, site) else ()


def _has_copies(setting: Setting, site: Site) -> bool:
    """Whether ``torch.export.unflatten`` may have made a layer of its own for each of the calls."""
    return setting.exported and (site.call > 0 or setting.site_info(site).calls > 1)


def score(target: Target, setting: Setting) -> Block:
    """``score``, the number that is differentiated, from ``output`` or ``value``."""
    return target.code(setting)
