"""What the sources import, read off them: nothing is imported for it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

HEAVY = frozenset({"torch", "torchvision"})


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
    inner = module.partition(".")[2] or "__init__"
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


@cache
def imports(root: Path, path: Path, *, into_functions: bool) -> frozenset[str]:
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
    return frozenset(found)


@cache
def late_modules(root: Path) -> dict[str, str]:
    """The modules that the face imports when they are first used, by the names that it gives them."""
    face = root / "gradviz_core" / "__init__.py"
    named = (node for node in parse(face).body if isinstance(node, ast.Assign)) if face.exists() else ()
    found = [node.value for node in named if ast.unparse(node.targets[0]) == "_LAZY"]
    return ast.literal_eval(found[0]) if found else {}


def exists(root: Path, module: str) -> bool:
    place = root.joinpath(*module.split("."))
    return place.with_suffix(".py").exists() or place.is_dir()


@cache
def files_run(root: Path, module: str) -> tuple[Path, ...]:
    """The files, under ``root``, that run when ``module`` is imported: its own and those of the packages above."""
    parts = module.split(".")
    places = [Path(*parts[:n]) for n in range(1, len(parts) + 1)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return tuple(file for file in files if (root / file).exists())


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
