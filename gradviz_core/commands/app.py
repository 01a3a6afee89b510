"""``gradviz app``: start the app."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import click

from gradviz_core.folders import APP, PACKAGE

NOT_INSTALLED = (
    "The app needs Streamlit, which is not installed here: only the library is. "
    "In the folder with the source of GradViz, run: pip install '.[app]'"
)
SECRETS_INSIDE = (
    "{file} lies where the workers for uploads can read it, so the app does not start. Move it out of {environment}, "
    "either to .streamlit/secrets.toml in the folder in which you start gradviz, or to a place that you name in "
    "STREAMLIT_SECRETS_FILES."
)


class Port(click.ParamType[int]):
    """A port as it is typed."""

    name = "port"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; a usage error where it is not one from 1 to 65535."""
        if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 65535):
            self.fail(f"{value!r} is not a port: choose a number from 1 to 65535", param, ctx)
        return int(value)


@click.command()
@click.option("--port", type=Port(), help="The port to listen on (8501).")
@click.option("--address", help="The address to listen on (127.0.0.1, this machine alone; 0.0.0.0 is all).")
def app(port: int | None, address: str | None) -> int:
    """Start the app.

    On Linux and macOS the server takes the place of this process.
    """
    if importlib.util.find_spec("streamlit") is None:
        click.echo(NOT_INSTALLED, err=True)
        return 1
    secrets = APP / ".streamlit" / "secrets.toml"
    if APP.is_relative_to(PACKAGE) and secrets.exists():  # confined workers may read all of the package
        click.echo(SECRETS_INSIDE.format(file=secrets, environment=sys.prefix), err=True)
        return 1
    command = server(port, address)
    if os.name != "nt":  # there exec would return to the shell at once
        os.execv(sys.executable, command)  # noqa: S606 - this very Python, and Streamlit
    return subprocess.call(command)  # noqa: S603 - likewise


def server(port: int | None, address: str | None) -> list[str]:
    """The command that serves the app. What is None is left to Streamlit's own settings: the environment, and the
    ``.streamlit/config.toml`` beside ``app.py``. ``-P`` keeps Python from importing files of the current folder."""
    chosen = {"port": port, "address": address}
    options = [f"--server.{name}={value}" for name, value in chosen.items() if value is not None]
    return [sys.executable, "-P", "-m", "streamlit", "run", str(APP / "app.py"), *options]
