"""The rules of the house that can be read off the source: which wing may import which, and what no file may do.

Each rule is a function from a folder of sources to a list of complaints. It is run on this project, where it must find
nothing, and on a small bad example, where it must find something.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]

WINGS: dict[str, str] = {
    "version": "",
    "errors": "",
    "memory": "",
    "settings": "memory",
    "types": "errors",
    "text": "errors types",
    "drawing": "errors types text",
    "tracing": "errors types",
    "models": "errors types settings",
    "uploads": "errors types settings text tracing models",
    "images": "errors types text models uploads",
    "lessons": "errors types",
    "methods": "errors types tracing images",
    "doctor": "errors types tracing uploads.exported",
    "answers": "version errors types tracing models uploads images lessons methods doctor",
    "answering": "errors memory settings types tracing uploads images doctor answers",
    "compute": "errors settings types text models uploads images answering drawing.screen",
    "serving": "errors settings types text doctor.verdicts compute",
    "__init__": "version errors types tracing models images methods doctor answers drawing answering",
}
"""The files and wings of gradviz_core, and what each may import: only what stands before it, so there is no circle.
What computes names nothing of ``drawing``, with one exception: an answer is made to fit a screen before it travels."""
MOST_AT_THE_ROOT = 8
"""Files directly in gradviz_core."""

TORCH_FREE = (
    *("__init__", "version", "errors", "memory", "settings", "types", "text", "drawing", "serving"),
    *("tracing.axes", "tracing.axis_rules"),
    *("uploads.archive", "uploads.holders", "uploads.store", "uploads.store_folder"),
    *("compute.askers", "compute.client", "compute.npz", "compute.sandbox", "doctor.verdicts"),
)
"""Wings, and modules of other wings, that are importable without torch."""
HEAVY = frozenset({"torch", "torchvision"})
VAGUE_NAMES = frozenset({"utils", "base", "helpers"})
MAX_LINES = 400

# ------------------------------------------------------------------------------------------------- reading the sources


def sources(root: Path) -> list[Path]:
    """Every source file of the project, relative to ``root``."""
    folders = ("gradviz_core", "pages", "scripts", "tests", "benchmarks")
    files = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    return [path.relative_to(root) for path in (*root.glob("app.py"), *root.glob("navigation.py"), *files)]


def module_name(path: Path) -> str:
    """``gradviz_core/compute/__init__.py`` is the module ``gradviz_core.compute``."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def wing(module: str) -> str:
    """``gradviz_core.models.catalogue`` lies in the wing ``models``; the package itself is ``__init__``."""
    return module.split(".")[1] if "." in module else "__init__"


def is_within(module: str, places: Iterable[str]) -> bool:
    """Whether a module is one of ``places``, or lies in one: ``images.formats.png`` does in ``images``."""
    inner = module.removeprefix("gradviz_core.") if "." in module else "__init__"
    return any(f"{inner}.".startswith(f"{place}.") for place in places)


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def walk(node: ast.AST, into_functions: bool) -> Iterator[ast.AST]:
    """Every node that runs: at import, or ever. What stands under TYPE_CHECKING never runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt) and is_type_checking(child):
            assert isinstance(child, ast.If)
            for other in child.orelse:
                yield other
                yield from walk(other, into_functions)
        elif into_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from walk(child, into_functions)


def imports(root: Path, path: Path, *, into_functions: bool) -> set[str]:
    """Full names of the modules that a file imports, and the modules named as attributes of ``gradviz_core``."""
    face = late_modules(root)
    found: set[str] = set()
    aliases: set[str] = set()
    package = path.parent.parts
    for node in walk(parse(root / path), into_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            aliases |= {alias.asname or alias.name for alias in node.names if alias.name == "gradviz_core"}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*above, *([node.module] if node.module else [])))
            found.add(start)
            found |= {name for alias in node.names if exists(root, name := f"{start}.{alias.name}")}
            found |= {face[alias.name] for alias in node.names if start == "gradviz_core" and alias.name in face}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found |= {name for name in [f"gradviz_core.{node.attr}"] if exists(root, name)}
            found |= {face[node.attr]} if node.attr in face else set()
    return found


def late_modules(root: Path) -> dict[str, str]:
    """The modules that the face imports when they are first used, by the names that it gives them."""
    face = root / "gradviz_core" / "__init__.py"
    named = (node for node in parse(face).body if isinstance(node, ast.Assign)) if face.exists() else ()
    found = [node.value for node in named if ast.unparse(node.targets[0]) == "_LAZY"]
    return ast.literal_eval(found[0]) if found else {}


def exists(root: Path, module: str) -> bool:
    place = root.joinpath(*module.split("."))
    return place.with_suffix(".py").exists() or place.is_dir()


def files_run(root: Path, module: str) -> list[Path]:
    """The files, under ``root``, that run when ``module`` is imported: its own and those of the packages above."""
    parts = module.split(".")
    places = [Path(*parts[:n]) for n in range(1, len(parts) + 1)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return [file for file in files if (root / file).exists()]


def way_to_torch(root: Path, start: Path, *, into_functions: bool) -> list[str]:
    """The shortest chain of files from ``start`` to an import of torch; empty if there is none.

    The functions of ``start`` itself count only with ``into_functions``; beyond it, only what runs at import time.
    """
    ways = {start: [str(start)]}
    queue = [start]
    for path in queue:
        modules = imports(root, path, into_functions=into_functions and path == start)
        if heavy := sorted(module for module in modules if module.split(".")[0] in HEAVY):
            return [*ways[path], heavy[0]]
        for module in sorted(modules):
            for target in files_run(root, module):
                if target not in ways:
                    ways[target] = [*ways[path], str(target)]
                    queue.append(target)
    return []


# ----------------------------------------------------------------------------------------------------------- the rules


def one_way(root: Path) -> list[str]:
    """A wing imports what it may, and WINGS lets none turn in a circle."""
    complaints = []
    for path in (path for path in sources(root) if path.parts[0] == "gradviz_core"):
        here = wing(module_name(path))
        if here not in WINGS:
            complaints.append(f"{path}: WINGS has no {here}. Put it into a wing, or give it a line of its own.")
            continue
        for module in imports(root, path, into_functions=True):
            if not module.startswith("gradviz_core.") or wing(module) == here:
                continue
            if not is_within(module, WINGS[here].split()) and not is_package_above(module, WINGS[here].split()):
                complaints.append(f"{path}: {here} may not import {module}. WINGS says what it may.")
    return complaints


def is_package_above(module: str, places: Iterable[str]) -> bool:
    """Whether a module is a package that one of ``places`` lies in."""
    return any(place.startswith(f"{module.removeprefix('gradviz_core.')}.") for place in places)


def few_files_at_the_root(root: Path) -> list[str]:
    files = [path for path in sources(root) if path.parts[:-1] == ("gradviz_core",)]
    return [f"{len(files)} files directly in gradviz_core, more than {MOST_AT_THE_ROOT}."] * (
        len(files) > MOST_AT_THE_ROOT
    )


def no_streamlit_in_the_library(root: Path) -> list[str]:
    return [
        f"{path}: the library imports {module}. Only app.py, navigation.py and pages/ know of Streamlit."
        for path in sources(root)
        for module in imports(root, path, into_functions=True)
        if path.parts[0] == "gradviz_core" and module.split(".")[0] == "streamlit"
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


FIRST_VISIT = 'runpy.run_path(str(Path(__file__).parents[1] / "navigation.py"))'
"""All that a file directly in pages/ may do: see docs/decisions.md on the first visit of a fresh server."""


def no_page_in_the_top_folder(root: Path) -> list[str]:
    """A file directly in pages/ becomes a page of Streamlit's legacy router, which passes over __init__.py alone."""
    top = [path for path in sources(root) if path.parts[:-1] == ("pages",) and path.name != "__init__.py"]
    texts = {path: (root / path).read_text(encoding="utf-8") for path in top}
    wrong = [path for path, text in texts.items() if not text.endswith(f"\n\n{FIRST_VISIT}\n") or len(text) > 300]
    return [f"{path}: move it into a section's folder." for path in wrong]


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


def test_each_wing_names_only_what_stands_before_it() -> None:
    names = list(WINGS)
    circles = [
        f"{name}: {other}"
        for place, name in enumerate(names)
        for other in WINGS[name].split()
        if other.split(".")[0] not in names[:place]
    ]
    assert circles == []


def test_no_wing_may_import_what_it_does_not() -> None:
    found: dict[str, set[str]] = {name: set() for name in WINGS}
    for path in (path for path in sources(ROOT) if path.parts[0] == "gradviz_core"):
        found[wing(module_name(path))] |= imports(ROOT, path, into_functions=True)
    del found["__init__"]  # the face names modules in ``_LAZY`` too
    unused = [
        f"{name}: {place}"
        for name, modules in found.items()
        for place in WINGS[name].split()
        if not any(is_within(module, [place]) for module in modules)
    ]
    assert unused == []
