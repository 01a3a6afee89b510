"""The command ``gradviz``: ``gradviz app`` starts the app, ``gradviz bench-methods`` measures the methods."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence

from gradviz_core.folders import APP, PACKAGE
from gradviz_core.version import __version__

BENCH = "bench-methods"
NOT_INSTALLED = (
    "The app needs Streamlit, which is not installed here: only the library is. "
    "In the folder with the source of GradViz, run: pip install '.[app]'"
)
SECRETS_INSIDE = (
    "{file} lies where the workers for uploads can read it, so the app does not start. Move it out of {environment}, "
    "either to .streamlit/secrets.toml in the folder in which you start gradviz, or to a place that you name in "
    "STREAMLIT_SECRETS_FILES."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for (None: that of this process), and return the exit status. ``gradviz app``
    returns nothing on Linux and macOS: there the server takes the place of this process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [BENCH]:
        return bench(words[1:])
    options = parser().parse_args(words)
    if importlib.util.find_spec("streamlit") is None:
        print(NOT_INSTALLED, file=sys.stderr)  # noqa: T201 - to whoever typed the command
        return 1
    secrets = APP / ".streamlit" / "secrets.toml"
    if APP.is_relative_to(PACKAGE) and secrets.exists():  # confined workers may read all of the package
        print(SECRETS_INSIDE.format(file=secrets, environment=sys.prefix), file=sys.stderr)  # noqa: T201 - likewise
        return 1
    command = server(options.port, options.address)
    if os.name != "nt":  # there exec would return to the shell at once
        os.execv(sys.executable, command)  # noqa: S606 - this very Python, and Streamlit
    return subprocess.call(command)  # noqa: S603 - likewise


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    command = argparse.ArgumentParser("gradviz", description="Exact gradients of vision models, in the browser.")
    command.add_argument("--version", action="version", version=f"gradviz {__version__}")
    commands = command.add_subparsers(required=True, metavar="command")
    commands.add_parser(BENCH, help="measure how well each method marks what is known to matter", add_help=False)
    app = commands.add_parser("app", help="start the app")
    app.add_argument("--port", type=port, help="the port to listen on (8501)")
    app.add_argument("--address", help="the address to listen on (127.0.0.1, this machine alone; 0.0.0.0 is all)")
    return command


def bench(words: Sequence[str]) -> int:
    """Run the benchmark; torch and all that it takes are imported only for it."""
    from gradviz_core.benchmark import bench

    command = argparse.ArgumentParser(f"gradviz {BENCH}", description="How well each method marks what matters.")
    bench.add_arguments(command)
    return bench.run(command.parse_args(words))


def port(text: str) -> int:
    """A port as it is typed.

    Raises:
        ArgumentTypeError: it is not a number from 1 to 65535.
    """
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: choose a number from 1 to 65535")
    return int(text)


def server(port: int | None, address: str | None) -> list[str]:
    """The command that serves the app. What is None is left to Streamlit's own settings: the environment, and the
    ``.streamlit/config.toml`` beside ``app.py``. ``-P`` keeps Python from importing files of the current folder."""
    chosen = {"port": port, "address": address}
    options = [f"--server.{name}={value}" for name, value in chosen.items() if value is not None]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(APP / "app.py"), *options]
