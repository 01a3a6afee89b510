"""The words and formulas of a step of the backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradviz_core.drawing.captions import number_text, shape_text
from gradviz_core.types.backward import BackwardQuestion, BackwardStep, Break, LocalTerm, Rule
from gradviz_core.types.sites import site_name


@dataclass(frozen=True, slots=True)
class RuleWords:
    """What a kind of step does on both ways."""

    forth: str
    """How it computes its output, as a sentence."""
    back: str
    """How it passes the gradient on."""
    formula: str
    """Of the way back, LaTeX; s is the score, x the input of the step, y its output."""


_OUT, _IN = r"\frac{\partial s}{\partial y%s}", r"\frac{\partial s}{\partial x%s}"
RULES: Mapping[Rule, RuleWords] = {
    "convolution": RuleWords(
        "Each number of the output is a weighted sum of the window of the input below it.",
        "Each number gets, from every window that covers it, the gradient there times the weight at its place (a, b) "
        "in that window.",
        f"{_IN % '_{c,i,j}'} = \\sum_{{k,p,q}} {_OUT % '_{k,p,q}'}\\, w_{{k,c,a,b}}",
    ),
    "linear": RuleWords(
        "Each number of the output is a weighted sum of all numbers of the input.",
        "Each number of the input gets the gradient of every output times the weight between the two.",
        f"{_IN % '_j'} = \\sum_k {_OUT % '_k'}\\, W_{{k,j}}",
    ),
    "scale": RuleWords(
        "Each channel is shifted and scaled by fixed numbers.",
        "The gradient of each channel is multiplied by the fixed number that scales it; the shift has no influence.",
        f"{_IN % '_{c,i,j}'} = {_OUT % '_{c,i,j}'}\\, \\frac{{\\gamma_c}}{{\\sqrt{{\\mathrm{{var}}_c + "
        "\\varepsilon}}",
    ),
    "relu": RuleWords(
        "Numbers below zero become zero, the others stay.",
        "Where the input is above zero the gradient passes unchanged; elsewhere it is stopped.",
        f"{_IN % '_i'} = {_OUT % '_i'}\\, [x_i > 0]",
    ),
    "relu6": RuleWords(
        "Numbers below zero become zero, those above six become six.",
        "Where the input is between 0 and 6 the gradient passes unchanged; elsewhere it is stopped.",
        f"{_IN % '_i'} = {_OUT % '_i'}\\, [0 < x_i < 6]",
    ),
    "max_pool": RuleWords(
        "Each window gives its largest number.",
        "Each window passes its gradient to the number that was the largest in it; the others get none from it.",
        f"{_IN % '_i'} = \\sum_{{\\text{{windows with maximum }} i}} {_OUT % '_p'}",
    ),
    "mean": RuleWords(
        "Each window gives its mean.",
        "Each of the n numbers of a window gets the n-th part of its gradient.",
        f"{_IN % '_i'} = \\sum_{{p}} {_OUT % '_p'}\\, \\frac{{1}}{{n_p}}",
    ),
    "same": RuleWords(
        "The numbers stay the same; at most their shape changes.",
        "Each number of the gradient goes back to its place, unchanged.",
        f"{_IN % '_i'} = {_OUT % '_i'}",
    ),
    "sum": RuleWords(
        "Values are added, number by number.",
        "Each summand gets the whole gradient, unchanged: a shortcut lets it pass.",
        f"{_IN % '_i'} = {_OUT % '_i'} \\cdot 1",
    ),
    "normalise": RuleWords(
        "Numbers are shifted to mean 0 and scaled to deviation 1, then scaled and shifted by learned numbers.",
        "Each number moves the mean and the deviation, so it gets a part from every number normalised with it.",
        f"{_IN % '_j'} = \\sum_k {_OUT % '_k'}\\, \\frac{{\\partial y_k}}{{\\partial x_j}}",
    ),
    "pointwise": RuleWords(
        "A function is applied to each number by itself.",
        "Each number of the gradient is multiplied by the slope of the function at its input.",
        f"{_IN % '_i'} = {_OUT % '_i'}\\, f'(x_i)",
    ),
    "attention": RuleWords(
        "Each token becomes a mix of the values of all tokens; what is mixed depends on how alike they are.",
        "Each number gets a part from every token that it is mixed into, and from how it changes what is mixed.",
        f"{_IN % '_{t,f}'} = \\sum_{{u,k}} {_OUT % '_{u,k}'}\\, \\frac{{\\partial y_{{u,k}}}}{{\\partial x_{{t,f}}}}",
    ),
    "joined": RuleWords(
        "Values are joined end to end.",
        "Each value gets its own part of the gradient, unchanged.",
        f"{_IN % '_i'} = {_OUT % '_i'} \\cdot 1",
    ),
    "product": RuleWords(
        "Two values are multiplied, number by number.",
        "Each of the two gets the gradient times the other.",
        f"{_IN % '_i'} = \\sum_{{k \\text{{ from }} i}} {_OUT % '_k'}\\, z_k",
    ),
    "moved": RuleWords(
        "Numbers are moved to other places, repeated or left out; constants may be added.",
        "Each number of the gradient goes back to the place that its number came from.",
        f"{_IN % '_i'} = \\sum_{{k \\text{{ from }} i}} {_OUT % '_k'}",
    ),
    "other": RuleWords(
        "The output is computed from the input.",
        "Each number gets the gradient of every output times how much that output changes with it.",
        f"{_IN % '_j'} = \\sum_k {_OUT % '_k'}\\, \\frac{{\\partial y_k}}{{\\partial x_j}}",
    ),
}


_BROKEN: Mapping[Break, str] = {
    "detach": "detached",
    "freeze": "parameters frozen",
    "dead": "ReLU dead",
    "in_place": "value overwritten in place",
}


def broken(question: BackwardQuestion) -> str:
    """``broken on purpose: detached at features.7``; empty where nothing is."""
    if not question.broken:
        return ""
    return f"broken on purpose: {_BROKEN[question.broken]} at {site_name(question.broken_at)}"


def title(step: BackwardStep) -> str:
    """``features.3 · Conv2d · 24×48×48 to 32×24×24``."""
    return " · ".join([step.name, step.kind, f"{shape_text(step.shape_in)} to {shape_text(step.shape)}", *step.facts])


def number(name: str, index: Sequence[int]) -> str:
    """``x[3,10,12]``; the name alone for a single number."""
    return f"{name}[{','.join(map(str, index))}]" if index else name


def here(step: BackwardStep) -> str:
    """What decides the local derivative at the chosen number; empty where the terms say it all."""
    one = step.detail
    if one is None:
        return step.why
    x, value = number("x", one.index), number_text(one.value, 4)
    if step.rule in ("relu", "relu6") and one.terms:
        return f"Here {x} = {value}, so the factor is 1."
    if step.rule in ("relu", "relu6"):
        return f"Here {x} = {value}: either the factor or the gradient that arrives is 0."
    if not one.terms:
        return f"Here every term of the gradient at {x} is 0."
    return f"Here {x} = {value}." if step.rule == "pointwise" else ""


def term(one: LocalTerm) -> tuple[str, str, str]:
    """Gradient, factor and product of a term, with their names."""
    factor = f"{number_text(one.factor, 4)}{f' = {one.name}' if one.name else ''}"
    return f"{number_text(one.gradient, 4)} at {number('y', one.index)}", factor, number_text(one.product, 4)


def feet(step: BackwardStep) -> list[tuple[str, str, bool]]:
    """What the other terms add up to; the sum of all, which is marked; and what comes to the number in total, where its
    value is used by other steps too."""
    one = step.detail
    if one is None:
        return []
    said = [(f"and {one.others:,} more, together", number_text(one.rest, 4), False)] if one.others else []
    through = " through this step" if step.elsewhere else ""
    said.append((f"gradient at {number('x', one.index)}{through}", number_text(one.gradient, 4), True))
    return [*said, ("in total, with its other uses", number_text(one.total, 4), False)] if step.elsewhere else said


def plane_words(index: Sequence[int]) -> str:
    """Which plane is drawn: ``channel 3``; empty where there is only one."""
    return f"channel {', '.join(map(str, index))}" if index else ""
