"""The rules of the house that can be read off the source: which room may import which, and what no file may do.

Each rule is a function from a folder of sources to a list of complaints. It is run on this project, where it must find
nothing, and on a small bad example, where it must find something.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]

ARROW: tuple[frozenset[str], ...] = tuple(
    frozenset(level.split())
    for level in (
        "version outputs log_lines memory",
        "blocks cards calls findings lesson_cards receipts subjects",
        "diagnoses jacobian_question output_question",
        "types",
        "looks errors",
        "settings sites indices layouts head_forms nested device archive sandbox kernel_guards axes axis_rules holders "
        "store_folder shown_text recent stopping readers",
        "score_words well_formed",
        "askers",
        "codec npz planes fields captions bars log_scale snippets store verdicts",
        "block_figures",
        "image_traces figures screen",
        "lesson_pictures near_figures charts output_figures flow_figures spectra",
        "exported weights_files models images cost operation_costs uploads",
        "draws authors_autograd inputs last_operation by_kind",
        "heads class_scores region_scores box_scores targets trace batch remarks passes backward twin doubles "
        "watch following receptive_field failures",
        "methods proof flow perturbation jacobian singular lessons doctor",
        "scene",
        "answers",
        "answering",
        "compute",
        "serving",
        "__init__ __main__",
    )
)
"""The rooms of gradviz_core, lowest first. A room imports from lower levels and from its own."""

DRAWING = frozenset(
    {"fields", "figures", "charts", "flow_figures", "log_scale", "spectra", "captions", "indices", "snippets"}
    | {"lesson_pictures", "score_words", "bars", "output_figures", "planes"}
    | {"block_figures", "image_traces", "near_figures", "screen"}
)
"""What turns answers into pictures and words. What computes does not know of it."""

FITTING = ("compute", "screen")
"""The one exception: an answer is made to fit a screen before it leaves the worker."""

TORCH_FREE = (
    frozenset(
        {
            "__init__",
            "askers",
            "blocks",
            "looks",
            "cards",
            "calls",
            "diagnoses jacobian_question",
            "findings",
            "lesson_cards",
            "receipts",
            "subjects",
            "types",
            "archive",
            "sandbox",
            "serving",
            "store",
            "store_folder",
            "log_lines",
            "memory",
            "readers",
            "holders",
            "version",
            "errors",
            "settings",
            "shown_text",
            "sites",
            "layouts",
            "axes",
            "axis_rules",
            "outputs",
            "well_formed",
            "head_forms",
            "output_question",
            "jacobian_question",
            "codec",
            "npz",
            "recent",
        }
    )
    | DRAWING
)
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


def room(module: str) -> str:
    """``gradviz_core.models.scenes`` lies in the room ``models``; the package itself is ``__init__``."""
    return module.split(".")[1] if "." in module else "__init__"


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
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found |= {name for name in [f"gradviz_core.{node.attr}"] if exists(root, name)}
    return found


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


def arrow(root: Path) -> list[str]:
    """Imports inside gradviz_core run one way only."""
    complaints = []
    level = {name: number for number, names in enumerate(ARROW) for name in names}
    for path in sources(root):
        here = room(module_name(path))
        if path.parts[0] != "gradviz_core":
            continue
        if here not in level:
            complaints.append(f"{path}: the room {here} has no place in ARROW. Give it one.")
            continue
        for module in imports(root, path, into_functions=True):
            there = room(module)
            if not module.startswith("gradviz_core.") or there == here:
                continue
            if level.get(there, len(ARROW)) > level[here]:
                complaints.append(f"{path}: {here} imports {there}, which stands above it.")
            if there in DRAWING and here not in DRAWING | {"__init__", "__main__"} and (here, there) != FITTING:
                complaints.append(f"{path}: {here} computes, and imports {there}, which draws.")
    return complaints


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


def torch_free_rooms(root: Path) -> list[str]:
    files = [path for path in sources(root) if path.parts[0] == "gradviz_core"]
    free = [path for path in files if room(module_name(path)) in TORCH_FREE]
    ways = [way_to_torch(root, path, into_functions=False) for path in free]
    return [f"{' -> '.join(way)}: this room must be importable without torch." for way in ways if way]


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
    (arrow, {"gradviz_core/errors.py": "from gradviz_core.trace import run", "gradviz_core/trace.py": ""}),
    (
        arrow,
        {"gradviz_core/targets.py": "def f():\n    from .answering import answer", "gradviz_core/answering.py": ""},
    ),
    (arrow, {"gradviz_core/methods/lime.py": "from ..figures import heatmap", "gradviz_core/figures.py": ""}),
    (arrow, {"gradviz_core/shed.py": ""}),
    (no_streamlit_in_the_library, {"gradviz_core/fields.py": "def f():\n    import streamlit.runtime"}),
    (no_torch_in_the_interface, {"app.py": "import torch.nn"}),
    (no_torch_in_the_interface, {"pages/explore/a.py": "def f():\n    from torchvision import models"}),
    (no_torch_in_the_interface, {"app.py": "import pages.parts.b", "pages/parts/b.py": "import torch"}),
    (
        no_torch_in_the_interface,
        {
            "app.py": "from gradviz_core.compute import client",
            "gradviz_core/compute/__init__.py": "from gradviz_core import trace",
            "gradviz_core/compute/client.py": "",
            "gradviz_core/trace.py": "if 1:\n    import torch",
        },
    ),
    (
        no_torch_in_the_interface,
        {"app.py": "import gradviz_core as gv\ngv.trace.survey", "gradviz_core/trace.py": "import torch"},
    ),
    (
        torch_free_rooms,
        {"gradviz_core/figures.py": "from gradviz_core import trace", "gradviz_core/trace.py": "import torch"},
    ),
    (no_page_in_the_top_folder, {"pages/saliency.py": ""}),
    (no_vague_names, {"gradviz_core/models/utils.py": ""}),
    (no_long_files, {"scripts/long.py": "x = 1\n" * (MAX_LINES + 1)}),
    (no_passed_through_kwargs, {"app.py": "def f(**options):\n    return print(1, **options)"}),
]

GOOD_EXAMPLE = {
    "app.py": "import gradviz_core as gv\ngv.INPUT\nfrom gradviz_core.compute import client",
    "gradviz_core/__init__.py": "def __getattr__(name):\n    import torch",
    "gradviz_core/types.py": "def f(**options):\n    return options",
    "gradviz_core/errors.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gradviz_core import trace",
    "gradviz_core/trace.py": "import torch\nfrom gradviz_core.types import f",
    "gradviz_core/compute/__init__.py": "",
    "gradviz_core/compute/client.py": "def late():\n    from gradviz_core import trace",
    "pages/__init__.py": "",
    "pages/explore/a.py": "from pages.parts import b",
    "pages/parts/b.py": "from gradviz_core import types",
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
