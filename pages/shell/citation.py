"""GradViz and the papers of its methods as entries of BibTeX."""

from __future__ import annotations

from gradviz_core.types import Answer, GradientAnswer
from gradviz_core.types.methods import METHODS
from gradviz_core.version import __version__


def bibtex(*answers: Answer) -> str:
    """The entry of GradViz, and those of the papers of the methods that gave the answers."""
    ours = f"""@software{{gradviz,
  title = {{GradViz: exact gradients of any number inside a vision model}},
  author = {{{{The GradViz developers}}}},
  version = {{{__version__}}}
}}"""
    methods = dict.fromkeys(answer.question.method for answer in answers if isinstance(answer, GradientAnswer))
    papers = dict.fromkeys(METHODS[method].bibtex for method in methods)
    return "\n\n".join(filter(None, (ours, *papers)))
