"""Print the path of a Chromium that starts, after installing one if need be.

In this order: the one named by the environment's ``CHROMIUM``; one on the path; Debian's package, when this is Debian
and we are root; Playwright's own. With ``CI=true`` finding none is a failure; otherwise nothing is printed, and the
tests that need a browser are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    browser = named() or on_path() or from_debian() or from_playwright()
    if browser:
        print(browser)
        return 0
    print("No Chromium was found and none could be installed. Install one, or name it: CHROMIUM=/path", file=sys.stderr)
    return 1 if os.environ.get("CI") == "true" else 0


def named() -> str | None:
    """The browser that the caller chose; a wrong choice is an error, never replaced by another browser."""
    path = os.environ.get("CHROMIUM")
    if path and not starts(path):
        sys.exit(f"CHROMIUM={path} does not start. Name another, or unset it to have one looked for.")
    return path or None


def on_path() -> str | None:
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path and starts(path)), None)


def from_debian() -> str | None:
    if not (is_debian() and os.geteuid() == 0 and shutil.which("apt-get")):
        return None
    run("apt-get", "update")
    run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation")
    return on_path()


def from_playwright() -> str | None:
    run(sys.executable, "-m", "playwright", "install", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if starts(path) else None


def is_debian() -> bool:
    """Whether this is Debian itself: Ubuntu's package of that name is only a pointer to another store."""
    release = Path("/etc/os-release")
    return release.exists() and "ID=debian" in release.read_text().splitlines()


def starts(path: str) -> bool:
    """Whether the browser runs at all: a name on the path may be a stub."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run(*command: str) -> None:
    """Run a command, its output on our standard error; what it achieved is for the caller to see."""
    print("+", *command, file=sys.stderr)
    subprocess.run(command, stdout=sys.stderr, check=False)


if __name__ == "__main__":
    sys.exit(main())
