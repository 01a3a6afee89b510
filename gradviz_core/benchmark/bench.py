"""``gradviz bench-methods``: run the benchmark, print its tables, and write them into the documents if asked to."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from gradviz_core.benchmark import chart, report, results
from gradviz_core.benchmark.progress import Bar
from gradviz_core.benchmark.running import PRESETS, Plan, measure
from gradviz_core.folders import APP
from gradviz_core.types.methods import METHODS
from gradviz_core.version import __version__

SCRIPT = APP / "scripts" / "write_methods.py"
NO_SOURCE = "Only the folder with the source of GradViz has docs/methods.md to write. Run it there, or without --write."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """What may be typed after ``gradviz bench-methods``."""
    usual = Plan()
    command.add_argument("--scenes", type=at_least_one, default=usual.scenes, help="scenes of one shape (%(default)s)")
    command.add_argument("--grids", type=at_least_one, default=usual.grids, help="grids of four scenes (%(default)s)")
    command.add_argument("--preset", action="append", choices=PRESETS, help="only this model; may be given again")
    command.add_argument("--method", action="append", choices=tuple(METHODS), help="only this; may be given again")
    command.add_argument("--write", action="store_true", help="write the tables and the figure of docs/methods.md")


def run(options: argparse.Namespace) -> int:
    """Measure, print, and write; the exit status."""
    if options.write and not SCRIPT.exists():
        print(NO_SOURCE, file=sys.stderr)  # noqa: T201 - to whoever typed the command
        return 1
    plan = Plan(
        tuple(options.preset or PRESETS), tuple(options.method or METHODS), scenes=options.scenes, grids=options.grids
    )
    bar = Bar(plan.parts, sys.stderr)
    found = results.Results(made_by(), plan.scenes, plan.grids, tuple(measure(plan, bar.done)))
    if options.write:
        results.write(found, results.FILE)
        results.FILE.with_suffix(".svg").write_text(chart.svg(found), encoding="utf-8")
        subprocess.run([sys.executable, str(SCRIPT)], check=True)  # noqa: S603 - this very Python, a file of ours
    print("\n".join(report.tables(found)))  # noqa: T201 - likewise
    return 0


def made_by() -> str:
    """Version, commit where there is one, torch, and the date."""
    git = shutil.which("git")
    said = git and subprocess.run(  # noqa: S603 - found in PATH, and nothing from outside among its arguments
        [git, "-C", str(APP), "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=False
    )
    commit = f", commit {said.stdout.strip()}" if said and said.returncode == 0 else ""
    return f"GradViz {__version__}{commit}, torch {version('torch')}, {datetime.now(UTC):%Y-%m-%d}"


def at_least_one(text: str) -> int:
    """A count as it is typed.

    Raises:
        ArgumentTypeError: it is no number from 1 to 1000.
    """
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is no count: choose a number from 1 to 1000")
    return int(text)
