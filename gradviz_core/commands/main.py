"""The command line: which commands there are, and the exit status of each end.

0: done. 1: refused or failed, with a sentence on standard error. 2: what was typed cannot be understood. 130: stopped
with Ctrl-C. A command may have further ones of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import click

from gradviz_core.commands.app import app
from gradviz_core.commands.ask import ask
from gradviz_core.commands.batch import batch
from gradviz_core.errors import GradVizError
from gradviz_core.version import __version__

STOPPED = 130
"""The exit status after Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for (None: that of this process), and return the exit status."""
    words = None if arguments is None else list(arguments)
    try:
        status = gradviz.main(words, prog_name="gradviz", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return STOPPED
    except GradVizError as error:
        click.echo(str(error), err=True)
        return 1
    return status if isinstance(status, int) else 0


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="gradviz %(version)s")
def gradviz() -> None:
    """Exact gradients of vision models: in the browser, on the command line, and for many images at once."""


gradviz.add_command(app)
gradviz.add_command(ask)
gradviz.add_command(batch)


@gradviz.command("bench-methods", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def bench_methods(words: tuple[str, ...]) -> int:
    """Measure how well each method marks what is known to matter."""
    from gradviz_core.benchmark import bench

    command = argparse.ArgumentParser("gradviz bench-methods", description="How well each method marks what matters.")
    bench.add_arguments(command)
    return bench.run(command.parse_args(list(words)))
