"""The rules of the house that can be read off the source: which wing may import which, and what no file may do.

Each rule is a function from a folder of sources to a list of complaints. It is run on this project, where it must find
nothing, and on a small bad example, where it must find something.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.reading_imports import imports, is_within, module_name, parse, sources, way_to_torch, wing

ROOT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]

WINGS: dict[str, str] = {
    "version": "",
    "errors": "",
    "folders": "",
    "memory": "",
    "settings": "memory",
    "types": "errors",
    "text": "errors types",
    "drawing": "errors types text",
    "story": "errors types drawing",
    "tracing": "errors types",
    "models": "errors folders types settings",
    "uploads": "errors types settings text tracing models",
    "images": "errors types text models uploads",
    "lessons": "errors types tracing.torch_private",
    "methods": "errors types tracing images",
    "doctor": "errors types tracing",
    "answers": "version errors types tracing models uploads images lessons methods doctor",
    "scenes": "types",
    "benchmark": "version errors folders types tracing images answers scenes",
    "answering": "errors memory settings types tracing uploads doctor answers",
    "compute": "errors folders memory settings types text models uploads images answering drawing.screen",
    "serving": "errors settings types text doctor.verdicts compute",
    "batch": "version errors types settings text drawing uploads images answers answering compute.npz",
    "commands": "version errors folders settings types text drawing uploads images answering compute batch "
    "benchmark.bench",
    "__init__": "version errors types tracing models images methods doctor answers drawing answering",
}
"""The files and wings of gradviz_core, and what each may import: only what stands before it, so there is no circle.
What computes names nothing of ``drawing``, with one exception: an answer is made to fit a screen before it travels."""
PAGES: dict[str, str] = {
    "streamlit_private": "",
    "shell": "streamlit_private",
    "scores": "shell",
    "uploads": "shell scores streamlit_private",
    "layout": "shell scores uploads streamlit_private",
    "trust": "shell layout",
    "methods": "shell uploads",
    "comparing": "shell scores uploads layout methods",
    "explore": "shell scores uploads layout trust methods comparing",
    "understand": "shell scores uploads layout",
    "learn": "shell scores layout streamlit_private",
    "front": "shell layout uploads streamlit_private",
    "help": "shell uploads layout",
}
"""The folders of pages, and what each may import of the others."""
TABLES = {"gradviz_core": WINGS, "pages": PAGES}
MOST_AT_THE_ROOT = 8
"""Files directly in gradviz_core."""

TORCH_FREE = (
    *(
        "__init__",
        "version",
        "errors",
        "folders",
        "memory",
        "settings",
        "types",
        "text",
        "drawing",
        "story",
        "serving",
        "commands",
    ),
    *("tracing.axes", "tracing.axis_rules"),
    *("scenes", "benchmark.scoring", "benchmark.pictures", "benchmark.results", "benchmark.report", "benchmark.chart"),
    *("uploads.archive", "uploads.holders", "uploads.own_files", "uploads.store", "uploads.store_folder"),
    *("uploads.foreign_files", "uploads.next_steps"),
    *("compute.askers", "compute.client", "compute.npz", "compute.sandbox", "doctor.verdicts"),
)
"""Wings, and modules of other wings, that are importable without torch."""
VAGUE_NAMES = frozenset({"utils", "base", "helpers"})
MAX_LINES = 400

# ----------------------------------------------------------------------------------------------------------- the rules


def one_way(root: Path) -> list[str]:
    """A wing imports what it may, and so does a folder of pages. The tables let nothing turn in a circle."""
    complaints = []
    for path in (path for path in sources(root) if is_in_a_table(path)):
        package, here = path.parts[0], wing(module_name(path))
        if here not in TABLES[package]:
            complaints.append(f"{path}: no line for {here}. Put it into a wing, or give it a line of its own.")
            continue
        may = TABLES[package][here].split()
        for module in imports(root, path, into_functions=True):
            inside = module.startswith(f"{package}.") and wing(module) != here
            if inside and not is_within(module, may) and not is_package_above(module, may):
                complaints.append(f"{path}: {here} may not import {module}. Its table says what it may.")
    return complaints


def is_in_a_table(path: Path) -> bool:
    """All of the library, and the folders of pages; the files directly in pages/ import nothing."""
    return path.parts[0] in TABLES and (path.parts[0] != "pages" or len(path.parts) > 2)


def is_package_above(module: str, places: Iterable[str]) -> bool:
    """Whether a module is a package that one of ``places`` lies in."""
    return any(place.startswith(f"{module.partition('.')[2]}.") for place in places)


def few_files_at_the_root(root: Path) -> list[str]:
    files = [path for path in sources(root) if path.parts[:-1] == ("gradviz_core",)]
    return [f"{len(files)} files directly in gradviz_core, more than {MOST_AT_THE_ROOT}."] * (
        len(files) > MOST_AT_THE_ROOT
    )


def no_streamlit_in_the_library(root: Path) -> list[str]:
    return [
        f"{path}: the library imports {module}. Only app.py, navigation.py and pages/ know of Streamlit."
        for path in sources(root)
        if path.parts[0] == "gradviz_core"
        for module in imports(root, path, into_functions=True)
        if module.split(".")[0] == "streamlit"
    ]


def no_torch_in_the_interface(root: Path) -> list[str]:
    """Neither app.py nor navigation.py nor pages/ reaches torch, not even late, within a function."""
    files = [path for path in sources(root) if path.parts[0] in {"app.py", "navigation.py", "pages"}]
    ways = [way_to_torch(root, path, into_functions=True) for path in files]
    return [f"{' -> '.join(way)}: the process of the interface must stay free of torch." for way in ways if way]


def torch_free(root: Path) -> list[str]:
    files = [path for path in sources(root) if path.parts[0] == "gradviz_core"]
    free = [path for path in files if is_within(module_name(path), TORCH_FREE)]
    ways = [way_to_torch(root, path, into_functions=False) for path in free]
    return [f"{' -> '.join(way)}: this must be importable without torch." for way in ways if way]


FIRST_VISIT = "if __name__ == '__main__':\n    contents.first_visit()"
"""What a file directly in pages/ ends with: see docs/decisions.md on the first visit of a fresh server."""


def no_page_in_the_top_folder(root: Path) -> list[str]:
    """A file directly in pages/ becomes a page of Streamlit's legacy router, which passes over __init__.py alone. So it
    holds the card of a page and nothing else."""
    top = [path for path in sources(root) if path.parts[:-1] == ("pages",) and path.name != "__init__.py"]
    return [f"{path}: move it into a section's folder." for path in top if not is_card(parse(root / path))]


def is_card(source: ast.Module) -> bool:
    """Whether there are a docstring, imports, the card and ``FIRST_VISIT``, in this order."""
    others = [ast.unparse(each) for each in source.body[1:] if not isinstance(each, ast.Import | ast.ImportFrom)]
    return len(others) == 2 and others[0].startswith("PAGE = contents.Page(") and others[1] == FIRST_VISIT


def no_vague_names(root: Path) -> list[str]:
    return [f"{path}: name it after what it holds." for path in sources(root) if path.stem in VAGUE_NAMES]


def no_long_files(root: Path) -> list[str]:
    lengths = {path: len((root / path).read_text(encoding="utf-8").splitlines()) for path in sources(root)}
    return [f"{path}: {n} lines, more than {MAX_LINES}. Make it two." for path, n in lengths.items() if n > MAX_LINES]


def no_passed_through_kwargs(root: Path) -> list[str]:
    """A function that takes ``**options`` and hands them on hides its own arguments. The tests may."""
    complaints = []
    for path in (path for path in sources(root) if path.parts[0] != "tests"):
        for function in ast.walk(parse(root / path)):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or function.args.kwarg is None:
                continue
            name = function.args.kwarg.arg
            calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
            handed_on = (word.value for call in calls for word in call.keywords if word.arg is None)
            if any(isinstance(value, ast.Name) and value.id == name for value in handed_on):
                complaints.append(f"{path}:{function.lineno}: {function.name} passes **{name} on. Name the arguments.")
    return complaints


BAD_EXAMPLES: list[tuple[Rule, dict[str, str]]] = [
    (one_way, {"gradviz_core/errors.py": "from gradviz_core.tracing import run", "gradviz_core/tracing/a.py": ""}),
    (
        one_way,
        {"gradviz_core/tracing/a.py": "def f():\n    from ..answering import answer", "gradviz_core/answering.py": ""},
    ),
    (
        one_way,
        {"gradviz_core/methods/lime.py": "from ..drawing.figures import map", "gradviz_core/drawing/figures.py": ""},
    ),
    (
        one_way,
        {"gradviz_core/compute/a.py": "from gradviz_core.drawing import fields", "gradviz_core/drawing/fields.py": ""},
    ),
    (
        one_way,
        {
            "gradviz_core/__init__.py": '_LAZY = {"fields": "gradviz_core.drawing.fields"}',
            "gradviz_core/tracing/a.py": "from gradviz_core import fields",
        },
    ),
    (one_way, {"gradviz_core/shed.py": ""}),
    (one_way, {"pages/shell/a.py": "from pages.layout import frame", "pages/layout/frame.py": ""}),
    (one_way, {"pages/explore/a.py": "from pages.learn import b", "pages/learn/b.py": ""}),
    (one_way, {"pages/loose/a.py": ""}),
    (few_files_at_the_root, {f"gradviz_core/{name}.py": "" for name in "abcdefghi"}),
    (no_streamlit_in_the_library, {"gradviz_core/drawing/fields.py": "def f():\n    import streamlit.runtime"}),
    (no_torch_in_the_interface, {"app.py": "import torch.nn"}),
    (no_torch_in_the_interface, {"pages/explore/a.py": "def f():\n    from torchvision import models"}),
    (no_torch_in_the_interface, {"app.py": "import pages.shell.b", "pages/shell/b.py": "import torch"}),
    (
        no_torch_in_the_interface,
        {
            "app.py": "from gradviz_core.compute import client",
            "gradviz_core/compute/__init__.py": "from gradviz_core.tracing import trace",
            "gradviz_core/compute/client.py": "",
            "gradviz_core/tracing/trace.py": "if 1:\n    import torch",
        },
    ),
    (
        no_torch_in_the_interface,
        {
            "app.py": "import gradviz_core as gv\ngv.trace.survey",
            "gradviz_core/__init__.py": '_LAZY = {"trace": "gradviz_core.tracing.trace"}',
            "gradviz_core/tracing/trace.py": "import torch",
        },
    ),
    (
        torch_free,
        {
            "gradviz_core/drawing/figures.py": "from ..tracing import trace",
            "gradviz_core/tracing/trace.py": "import torch",
        },
    ),
    (no_page_in_the_top_folder, {"pages/saliency.py": ""}),
    (no_page_in_the_top_folder, {"pages/saliency.py": f"'At /.'\nPAGE = contents.Page('A')\nprint(1)\n{FIRST_VISIT}"}),
    (no_vague_names, {"gradviz_core/models/utils.py": ""}),
    (no_long_files, {"scripts/long.py": "x = 1\n" * (MAX_LINES + 1)}),
    (no_passed_through_kwargs, {"app.py": "def f(**options):\n    return print(1, **options)"}),
]

GOOD_EXAMPLE = {
    "app.py": "import gradviz_core as gv\ngv.INPUT\nfrom gradviz_core.compute import client",
    "gradviz_core/__init__.py": "def __getattr__(name):\n    import torch",
    "gradviz_core/types/__init__.py": "def f(**options):\n    return options",
    "gradviz_core/errors.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .tracing import trace",
    "gradviz_core/tracing/__init__.py": "",
    "gradviz_core/tracing/trace.py": "import torch\nfrom gradviz_core.types import f",
    "gradviz_core/drawing/screen.py": "",
    "gradviz_core/compute/__init__.py": "",
    "gradviz_core/compute/worker.py": "from gradviz_core.drawing import screen",
    "gradviz_core/answering.py": "import torch\nfrom gradviz_core.tracing import trace",
    "gradviz_core/compute/client.py": "def late():\n    from gradviz_core import answering",
    "pages/__init__.py": "",
    "pages/a.py": f"'At /a.'\nfrom pages.layout import contents\nPAGE = contents.Page('A')\n{FIRST_VISIT}",
    "pages/explore/a.py": "from pages.shell import b",
    "pages/shell/b.py": "from gradviz_core import types",
}

RULES: list[Rule] = list(dict.fromkeys(rule for rule, _ in BAD_EXAMPLES))


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


# ----------------------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_leaves_good_sources_alone(rule: Rule, tmp_path: Path) -> None:
    write(tmp_path, GOOD_EXAMPLE)
    assert rule(tmp_path) == []


@pytest.mark.parametrize(("rule", "files"), BAD_EXAMPLES)
def test_the_rule_finds_what_breaks_it(rule: Rule, files: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path, files)
    assert rule(tmp_path) != []


def test_importing_the_library_imports_neither_torch_nor_streamlit() -> None:
    code = "import sys, gradviz_core as gv; gv.INPUT; print([m for m in ('torch', 'streamlit') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_each_names_only_what_stands_before_it(table: dict[str, str]) -> None:
    names = list(table)
    circles = [
        f"{name}: {other}"
        for place, name in enumerate(names)
        for other in table[name].split()
        if other.split(".")[0] not in names[:place]
    ]
    assert circles == []


@pytest.mark.parametrize("package", TABLES)
def test_none_may_import_what_it_does_not(package: str) -> None:
    found: dict[str, set[str]] = {name: set() for name in TABLES[package]}
    for path in (path for path in sources(ROOT) if path.parts[0] == package and is_in_a_table(path)):
        found[wing(module_name(path))] |= imports(ROOT, path, into_functions=True)
    found.pop("__init__", None)  # the face names modules in ``_LAZY`` too
    unused = [
        f"{name}: {place}"
        for name, modules in found.items()
        for place in TABLES[package][name].split()
        if not any(is_within(module, [place]) for module in modules)
    ]
    assert unused == []
