"""``make load``: many people at once, some of them hostile, and a worker killed every few seconds.

Every page that an honest person was shown is compared, figure by figure and to the last bit, with what a fresh app
shows for the same address when nothing else is asked. Nothing may be wrong, lost or hang; the app says within a second
that it is well, throughout; and its memory is flat over the last half.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.load.crowd import Crowd, load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long people ask")
    parser.add_argument("--people", type=int, default=47, help="honest sessions")
    parser.add_argument("--seed", type=int, default=0, help="who asks what")
    parser.add_argument("--no-hostile", dest="hostile", action="store_false", help="leave the three hostile ones out")
    parser.add_argument("--log", type=Path, help="where to keep what the app wrote")
    chosen = parser.parse_args()
    crowd = Crowd(seconds=chosen.seconds, people=chosen.people, seed=chosen.seed, hostile=chosen.hostile)
    with TemporaryDirectory() as folder:
        report = load(Path(folder), crowd)
        if chosen.log is not None:
            chosen.log.write_bytes((Path(folder) / "server.log").read_bytes())
    sys.stdout.write("\n".join(report.lines()) + "\n")
    complaints = report.complaints()
    sys.stdout.write("\n".join(["", *complaints[:40]]) + "\n" if complaints else "\nall as it should be\n")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
