"""GradViz and the papers of its methods as entries of BibTeX."""

from __future__ import annotations

from gradviz_core.types import Answer, GradientAnswer
from gradviz_core.types.methods import METHODS
from gradviz_core.version import __version__


def bibtex(answer: Answer) -> str:
    """The entry of GradViz, and that of the paper of the method that gave the answer."""
    ours = f"""@software{{gradviz,
  title = {{GradViz: exact gradients of any number inside a vision model}},
  author = {{{{The GradViz developers}}}},
  version = {{{__version__}}}
}}"""
    paper = METHODS[answer.question.method].bibtex if isinstance(answer, GradientAnswer) else ""
    return "\n\n".join(filter(None, (ours, paper)))
