"""A model as it is typed: a key, or a file and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from gradviz_core.commands import named
from gradviz_core.errors import QuestionError


@dataclass(frozen=True, slots=True)
class Model:
    """What was typed of the model."""

    named: str | None
    architecture: str
    labels: Path | None
    preprocessing: str

    def key(self, named_in_json: object = None) -> str:
        """The key of the model; a file is lent to this process, and what is to be said of it goes to standard error.

        Raises:
            QuestionError, BadModel: there is none, or it cannot be read.
        """
        text = named.needed(self.named or (named_in_json if isinstance(named_in_json, str) else None), "--model")
        file = named.model_file(text)
        if file is None:
            if self.architecture or self.labels or self.preprocessing:
                raise QuestionError(
                    f"{text} is a key, and its architecture, labels and preprocessing belong to it. Leave out "
                    "--architecture, --labels and --preprocessing, or name a model file."
                )
            return text
        from gradviz_core.uploads import own_models

        own = own_models.lend(
            file, architecture=self.architecture, labels=self.labels, preprocessing=self.preprocessing
        )
        for note in own.notes:
            click.echo(note, err=True)
        return own.key
