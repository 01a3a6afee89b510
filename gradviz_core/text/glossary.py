"""The glossary: one sentence for each term, for the tooltips and ``docs/glossary.md``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SECTIONS: dict[str, dict[str, str]] = {
    "Inside a model": {
        "site": "One value of the forward pass, usually a layer output: the output of a module at one of its calls, or "
        "an input of the model.",
        "layer output": "What a module returns when the forward pass calls it; a layer that runs twice has two.",
        "unit": "One number of a layer output: one channel at one spatial position, one feature of one token, or one "
        "feature of a flat layer output.",
        "channel": "One feature map of a layer output, or one colour of an image.",
        "feature": "One number of a vector: the same entry of every token, or one entry of a flat layer output.",
        "token": "One element of the sequence that a transformer works on, such as one patch of the image.",
        "spatial position": "A row and a column of a feature map, the same for all channels.",
        "feature map": "All values of one channel, laid out as the image is.",
        "activation": "The value of a unit, or of a whole layer output, in this forward pass.",
        "receptive field": "The pixels that a unit can depend on; all other pixels cannot change it.",
        "dead unit": "A channel or feature that is zero at every position of a layer output without negative values, "
        "as behind a ReLU: no gradient passes through it.",
        "parameter": "A number that training changes, such as a weight or a bias.",
        "ReLU": "A layer that computes max(0, x): its slope is 1 where its input is positive, and 0 elsewhere.",
        "stride": "How many positions a filter moves at a time; 2 halves the rows and the columns of a feature map.",
        "batch norm": "A layer that shifts and scales each channel; in evaluation mode by the mean and variance that "
        "were collected in training.",
        "forward pass": "One run of the model from its inputs to its outputs.",
        "backward pass": "The computation of gradients from the output back to the inputs, by the chain rule.",
        "hook": "A function that PyTorch calls when a module runs or a gradient passes.",
    },
    "Scores": {
        "score": "The one number whose gradient is shown: of a class, a label, a region, a box or a unit.",
        "class score": "The number whose gradient is shown when the target is a class: its logit, probability or "
        "log-probability.",
        "logit": "The score of a class before softmax or sigmoid turns it into a probability.",
        "probability": "The softmax or the sigmoid of the logits: between 0 and 1.",
        "log-probability": "The natural logarithm of a probability, in nats; 0 means certain.",
        "softmax": "Turns the logits of classes that exclude each other into probabilities that add up to 1.",
        "sigmoid": "Turns one logit into a probability, independently of all others.",
        "cross-entropy": "The usual training loss of a classifier: minus the log-probability of the correct class.",
        "accuracy": "The share of test images for which the model predicts the correct class.",
    },
    "Gradients": {
        "gradient": "How fast a number changes with each value it depends on: its partial derivatives.",
        "slope": "A derivative: how fast one number changes as another grows a little.",
        "normalised-pixel unit": "A change of 1 in the normalised input: a standard deviation of the preprocessing, "
        "such as 0.5 of the way from black to full colour.",
        "saliency": "A picture of the gradient of a score with respect to the pixels.",
        "gradient × input": "Each value times the gradient with respect to it: a first-order estimate of how much the "
        "value contributes to the score.",
        "signed sum": "The gradients of all channels at a pixel, added with their signs.",
        "L2 norm": "The length of a vector: the square root of the sum of its squared entries.",
        "maximum magnitude": "The largest absolute value among the channels.",
        "Jacobian": "The matrix of all derivatives of several outputs (rows) with respect to several inputs (columns).",
        "singular value": "How much a matrix stretches one of its principal directions; the largest is the greatest "
        "stretch of any direction.",
        "effective rank": "How many directions a matrix uses: the exponential of the entropy of its squared singular "
        "values, normalised to sum to 1.",
        "Frobenius norm": "The square root of the sum of all squared entries of a matrix.",
    },
    "Checks and changes": {
        "rank correlation": "Spearman's: how well two maps agree on which pixels come first, from −1 for the opposite "
        "order over 0 for unrelated ones to 1 for the same.",
        "structural similarity": "SSIM: how alike two pictures are in brightness, contrast and pattern, window by "
        "window; 1 is the same picture.",
        "finite difference": "A derivative estimated from the model's output alone: change the input by a small step, "
        "and divide the change of the output by the step.",
        "kink": "A point where a function has no single slope, such as a ReLU at 0; the gradient there is a matter of "
        "convention.",
        "perturbation": "A small change of the image, made along the gradient of a score.",
        "epsilon": "The largest size that a perturbation may have, in levels.",
        "level": "One of the 256 values of an 8-bit pixel, from 0 to 255.",
        "sign step": "A step that changes all pixel values by the same amount, up or down by the sign of the gradient.",
        "predicted change": "How much the score should change according to the gradient: the sum of each pixel's "
        "change times its gradient.",
        "actual change": "How much the score does change: the score of the changed image minus that of the original.",
    },
    "Images": {
        "preprocessing": "The steps from an image file to the model's input: resize, crop, order of the colours, and "
        "normalisation.",
        "mean": "The number that is subtracted from each channel, with pixel values from 0 to 1.",
        "standard deviation": "The number by which each channel is divided once the mean is subtracted.",
        "normalised pixel": "A pixel as the model sees it: (pixel / 255 − mean) / standard deviation.",
    },
    "The app": {
        "preset": "A small trained model that comes with GradViz.",
        "permanent link": "An address that holds the whole question, so that it "
        "shows the same picture as long as its uploads are kept.",
        "random seed": "Where the random numbers that a model draws begin; the same seed gives the same numbers.",
        "exported program": "A model in a .pt2 file, written by torch.export: a graph of operations and its weights.",
        "state dict": "The weights of a model by name, without the code that uses them.",
    },
}
"""Sections of the document; a term, and the sentence that defines it."""

MEANINGS: dict[str, str] = {term: meaning for section in SECTIONS.values() for term, meaning in section.items()}

_SHORT = {
    "signed": "signed sum",
    "magnitude (l2)": "L2 norm",
    "length (l2)": "L2 norm",
    "magnitude (max)": "maximum magnitude",
    "sign": "sign step",
    "product": "gradient × input",
}
"""Labels in the app that stand for a term."""
_TERM_OF = {term.lower(): term for term in MEANINGS} | _SHORT


def _any(terms: Iterable[str]) -> str:
    """In the singular or the plural; the longest first."""
    return f"({'|'.join(map(re.escape, sorted(terms, key=len, reverse=True)))})(?:s|es)?"


_NAMED = re.compile(rf"(?<!\w){_any(_TERM_OF)}(?!\w)", re.IGNORECASE)
_IN_A_SENTENCE = re.compile(rf"(?<![^\s(“]){_any(MEANINGS)}(?=(?:['’]s)?[.,:;)”]*(?:\s|$))", re.IGNORECASE)
"""A word of its own, and not a part of something like ``conv.channel.weight``."""


def terms_in(text: str) -> tuple[str, ...]:
    """The terms that a text names, in the singular or the plural; the longest where one term contains another."""
    return tuple(_TERM_OF[found.lower()] for found in _NAMED.findall(text))


def standing_in(sentence: str, names: Iterable[str] = ()) -> list[tuple[str, str]]:
    """The sentence in pieces, each with the term that it names, or with nothing: each term where it stands first.
    ``names`` come from outside: where one stands in the sentence, no term is found."""
    taken = [place.span() for name in names if name and name in sentence for place in _everywhere(name, sentence)]
    pieces, end, known = [], 0, set()
    for found in _IN_A_SENTENCE.finditer(sentence):
        term = _TERM_OF[found[1].lower()]
        if term in known or any(found.start() < last and first < found.end() for first, last in taken):
            continue
        known.add(term)
        pieces += [(sentence[end : found.start()], ""), (found[0], term)]
        end = found.end()
    return [*pieces, (sentence[end:], "")]


def _everywhere(name: str, sentence: str) -> Iterator[re.Match[str]]:
    return re.finditer(re.escape(name), sentence)


def tooltip(*texts: str) -> str | None:
    """The definitions of all terms that labels name, as Markdown; None where they name none."""
    terms = dict.fromkeys(term for text in texts for term in terms_in(text))
    return "\n\n".join(f"**{term[0].upper()}{term[1:]}**: {MEANINGS[term]}" for term in terms) or None
