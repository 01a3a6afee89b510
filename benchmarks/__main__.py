"""``make bench``: what GradViz costs, side by side with plain PyTorch in the same run.

Times depend on the machine; the ratios are what to look at. ``make bench ARGS="passes --rounds 10"`` for less.
"""

from __future__ import annotations

import argparse
import importlib
import platform
from importlib.metadata import version

from gradviz_core.settings import cpu_count

SUBJECTS = {
    "exactness": "What a plain hook gets wrong",
    "service": "From question to answer, through the compute service",
    "check": "Checks by finite differences, which give way to clicks",
    "passes": "In one process, without the service",
    "attributions": "Methods that average many gradients, beside captum and grad-cam",
    "stopping": "A sum of 1,024 draws that somebody stops",
    "verdicts": "Maps of a model whose weights are shuffled from the top",
    "batch": "Many images, beside a plain loop and killed at random",
    "app": "The app in a browser",
    "pages": "Pages that one core serves",
    "switching": "A server beside threads that draw",
    "models": "Models of other libraries as .pt2 files",
    "doctor": "What the doctor finds",
    "costs": "What each operator of an uploaded model takes, against what its cost promises",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"some of {', '.join(SUBJECTS)}; all if none")
    parser.add_argument("--rounds", type=int, default=40, help="how often everything is measured")
    chosen = parser.parse_args()
    if unknown := set(chosen.subjects) - set(SUBJECTS):
        parser.error(f"there is no subject {', '.join(sorted(unknown))}; choose from {', '.join(SUBJECTS)}")
    print(f"{cpu_count()} cores, torch {version('torch')}, Python {platform.python_version()}; float32 on the CPU")
    print(f"ResNet-18 at 224x224, random weights; medians of {chosen.rounds} interleaved rounds")
    for subject in chosen.subjects or SUBJECTS:
        print(f"\n{SUBJECTS[subject]}")
        for line in importlib.import_module(f"benchmarks.{subject}").rows(chosen.rounds):
            print(line)


if __name__ == "__main__":
    main()
