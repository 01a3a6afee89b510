"""What is wrong with images that were chosen, said where they were chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from gradviz_core.errors import GradVizError
from gradviz_core.serving.controls import LONGEST_NAME
from gradviz_core.uploads import next_steps
from pages.shell.words import plain

MOST_SAID = 4
"""Files of which it is said what is wrong with each; of more only the names."""


@dataclass(slots=True)
class Refused:
    """What is wrong with files: each sentence, with the code that belongs to it."""

    several: bool = False
    """Whether each sentence says which file it is about."""
    beside: str = ""
    """Key of the image that was taken from among them: they are named as long as it is shown."""
    said: list[tuple[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    """What each of them is called."""

    def add(self, error: GradVizError, file: str) -> None:
        """One more file."""
        shown = repr(file[:LONGEST_NAME])
        self.files.append(shown)
        sentence = f"{shown}: {error}" if self.several and file and not str(error).startswith(shown) else str(error)
        self.said.append((sentence, next_steps.naming(error.code, file[:LONGEST_NAME])))

    def say(self) -> None:
        """Write it here."""
        for sentence, code in self.said[:MOST_SAID]:
            st.error(plain(sentence), icon=":material/error:")
            if code:
                st.code(code, language="python", wrap_lines=True)
        if more := self.files[MOST_SAID:]:
            st.error(plain(f"{len(more)} more were left out: {', '.join(more)}."), icon=":material/error:")
