"""Names that Streamlit, torch and uvicorn do not promise to keep: each stands in a file that is about it, and where one
is gone, a feature is missing or a question is refused, and no page fails."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import torch
from torch import nn

from gradviz_core.errors import QuestionError
from gradviz_core.serving import limits
from gradviz_core.tracing import kernel_guards
from gradviz_core.tracing.trace import gradients
from gradviz_core.types import INPUT, ClassScore, Site
from tests.reading_imports import parse, sources

ROOT = Path(__file__).parents[1]
THEIR_PLACE = (
    "pages/streamlit_private",
    "gradviz_core/tracing/torch_private",
    "gradviz_core/serving/connections.py",  # uvicorn's two protocols
    "gradviz_core/images/opened.py",  # what Pillow calls a part of a picture
)
TORCHS = frozenset(
    "_version _base _parameters _buffers _modules _forward_hooks _backward_hooks _backward_pre_hooks _schema "
    "overloadpacket real_type alias_info is_write has_default_value variable ctx_factory".split()
)
"""What torch calls its own; a class here may call something so too, of its own."""
DOCUMENTED = ("os._exit", "sys._getframe", "torch.ops.aten._", "_fields")
"""Python's own three, and operators of torch, whose names stand in exported files."""
PUBLIC = {"streamlit": ("streamlit", "streamlit.delta_generator", "streamlit.typing"), "uvicorn": ("uvicorn",)}
"""All modules of these that may be imported anywhere."""
ON_THE_PAGE = re.compile(r"data-testid|\bst(App|Sidebar|Main|Code|Markdown|Button)|js-plotly|modebar-")
"""Where things are on Streamlit's page and on Plotly's charts."""


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def used(source: ast.Module) -> Iterator[str]:
    """Private names of others in a file: imported, or attributes of what is neither ``self`` nor defined here."""
    own = {node.name for node in ast.walk(source) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    own |= {ast.unparse(node.target) for node in ast.walk(source) if isinstance(node, ast.AnnAssign)}
    own |= {node.attr for node in ast.walk(source) if is_of_self(node)}
    for node in ast.walk(source):
        match node:
            case ast.Attribute(attr=attr) if not is_of_self(node):
                if attr in TORCHS or (private(attr) and not (attr in own or ast.unparse(node).startswith(DOCUMENTED))):
                    yield ast.unparse(node)
            case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]):
                if name in TORCHS or (private(name) and name not in DOCUMENTED):
                    yield ast.unparse(node)
            case ast.ImportFrom(module=str(module), names=names):
                if not may_be_imported(module, [alias.name for alias in names]):
                    yield ast.unparse(node)
            case ast.Import(names=names):
                yield from (alias.name for alias in names if not may_be_imported(alias.name, []))


def is_of_self(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def may_be_imported(module: str, names: list[str]) -> bool:
    top = module.split(".")[0]
    if top in PUBLIC:
        return module in PUBLIC[top]
    return top == "gradviz_core" or not any(map(private, [*module.split("."), *names]))


def in_their_place(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in THEIR_PLACE)


def test_each_stands_in_a_file_that_is_about_it() -> None:
    elsewhere = {
        str(path): found
        for path in sources(ROOT)
        if path.parts[0] not in ("tests", "benchmarks", "scripts") and not in_their_place(path)
        if (found := [*used(parse(ROOT / path))])
    }
    assert elsewhere == {}


@pytest.mark.parametrize(
    "bad",
    [
        *("torch._C.x", "x._version", "x.overloadpacket", "getattr(x, '_saved_y', None)", "hasattr(x, 'variable')"),
        *("from torch._ops import a", "import torch._C", "from streamlit.runtime import exists"),
    ],
)
def test_a_private_name_is_seen(bad: str) -> None:
    assert [*used(ast.parse(bad))]


def test_what_a_class_calls_its_own_is_not_meant() -> None:
    assert [*used(ast.parse("class A:\n    def f(self, other):\n        self._x = other._x\n"))] == []


def test_places_on_the_page_are_named_in_one_file() -> None:
    files = [path for path in sources(ROOT) if path.parts[0] == "pages"]
    found = {str(path) for path in files if ON_THE_PAGE.search((ROOT / path).read_text(encoding="utf-8"))}
    assert found == {"pages/streamlit_private/elements.py"}


def test_the_browsers_tests_name_them_in_one_file_too() -> None:
    files = [path for path in sources(ROOT) if path.parts[:2] == ("tests", "browser")]
    names = re.compile(r"data-test|\bst[A-Z]\w+")
    found = {path.name for path in files if names.search((ROOT / path).read_text(encoding="utf-8"))}
    assert found == {"streamlit_ids.py"}


def test_no_program_that_is_shown_uses_one_but_the_counter_of_writes() -> None:
    folder = Path("gradviz_core/drawing/snippets")
    for path in (path for path in sources(ROOT) if path.is_relative_to(folder)):
        texts = [node.value for node in ast.walk(parse(ROOT / path)) if isinstance(node, ast.Constant)]
        found = [name for text in texts if isinstance(text, str) for name in re.findall(r"\._[a-z]\w*", text)]
        assert set(found) <= ({"._version"} if path.name == "flow.py" else set()), path


# -------------------------------------------------------------------------------------------------- where they are gone

WITHOUT_STREAMLIT = """
import importlib, sys
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.proto.BackMsg_pb2 import BackMsg
from pages.streamlit_private import messages, names, run, sessions, tokens
from tests.opening import answer_here

asked = []
def remembered(module, name):
    asked.append((module, name))
    return found(module, name)

found, names.found = names.found, remembered
files = {}
for file in (messages, run, sessions, tokens):
    asked.clear()
    importlib.reload(file)
    files[file] = list(asked)
answer_here(pytest.MonkeyPatch())
for file, needed in files.items():
    for gone in needed:
        names.found = lambda module, name: None if (module, name) == gone else found(module, name)
        importlib.reload(file)
        app = AppTest.from_file("navigation.py", default_timeout=60)
        app.query_params["model"] = "preset/shapes-cnn"
        if file is not run:  # else the first page, which asks questions
            app.switch_page("pages/help/export.py")
        app.run()
        assert not app.exception, gone
        assert len(app.title) == 1, gone
        assert app.query_params["model"] == "preset/shapes-cnn", gone
        assert messages.pages_in(b"?") == (None if file is messages else 0.0), gone
        assert messages.pages_in(BackMsg(clear_cache=True).SerializeToString()) is None, gone
        assert messages.pages_in(BackMsg(app_heartbeat=True).SerializeToString()) == 0.0, gone
        assert not tokens.is_right({}) or file is not tokens, gone
        assert sessions.held() == (None if file is sessions else []), gone
        assert (sessions.is_connected("one"), sessions.has_taken_all("one")) == (False, True), gone
    names.found = found
    importlib.reload(file)
print(sum(map(len, files.values())))
"""


@pytest.mark.slow
def test_a_page_is_drawn_without_any_of_streamlits() -> None:
    """In a process of its own, where one name after the other is gone while the file that needs it is imported."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_STREAMLIT], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) == 9


WITHOUT_TORCHS = '''
import importlib, os, pkgutil, sys
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from gradviz_core.tracing import torch_private
from gradviz_core.tracing.torch_private import names

FakeTensorMode()  # imports much of torch, here once and not in each process
asked, found = set(), names.found
names.found = lambda module, name: (asked.add((module, name)), found(module, name))[1]
files = [file.name for file in pkgutil.iter_modules(torch_private.__path__) if file.name != "names"]
for file in files:
    importlib.import_module(f"{torch_private.__name__}.{file}")

def outcomes(gone):
    """What comes of a gradient, a cost, the doctor and an operator of a file: the same as ever, or a refusal."""
    for file in files:
        del sys.modules[f"{torch_private.__name__}.{file}"]
        delattr(torch_private, file)
    names.found = lambda *name: None if name == gone else found(*name)
    import gradviz_core as gv
    from gradviz_core.uploads import cost
    from gradviz_core.uploads.exported import operators
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)).eval()
    x = torch.rand(1, 3, 4, 4)
    tries = {
        "gradient": lambda: gv.trace.gradients(model, x, target=gv.ClassScore(1)).gradients[gv.INPUT].sum().item(),
        "cost": lambda: cost.estimate(model, (1, 3, 4, 4)),
        "doctor": lambda: bool(gv.diagnose(model, x, lambda y: y.sum())),
        "operator": lambda: operators.find("torch.ops.aten.relu.default").name,
    }
    for what, question in tries.items():
        try:
            yield f"{what}: {question()}"
        except gv.errors.QuestionError as error:
            yield f"{what}: {'refused' if gone and 'Install a version that it was tried with' in str(error) else error}"

for gone in (None, *sorted(asked)):
    sys.stdout.flush()
    if os.fork() == 0:
        print(gone and gone[1], *outcomes(gone), sep="; ", flush=True)
        os._exit(0)
    os.wait()
'''


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_question_is_answered_as_ever_or_refused_without_any_of_torchs() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCHS], cwd=ROOT, capture_output=True, text=True)
    lines = [line.split("; ") for line in done.stdout.splitlines()]
    _, *usual = lines[0]
    assert not any("refused" in outcome or "Error" in outcome for outcome in usual), (lines[0], done.stderr[-3000:])
    assert len(lines) == 20, (lines, done.stderr[-3000:])
    for name, *outcomes in lines[1:]:
        for outcome, before in zip(outcomes, usual, strict=True):
            assert outcome in (before, f"{before.split(':')[0]}: refused"), name


def test_without_uvicorns_protocols_the_server_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits._protocols() is not None
    monkeypatch.delitem(sys.modules, "gradviz_core.serving.connections")
    monkeypatch.delattr("uvicorn.protocols.http.h11_impl.H11Protocol")
    assert limits._protocols() is None


def test_without_the_counter_of_writes_a_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> int:
        raise AttributeError

    monkeypatch.setattr(torch.Tensor, "_version", property(gone), raising=False)
    with pytest.raises(QuestionError, match=r"no Tensor\._version, by which GradViz sees"):
        gradients(nn.Sequential(nn.Linear(2, 2)), torch.rand(1, 2), target=ClassScore(0), wrt=Site("0"))


def test_without_the_weight_that_a_convolution_keeps_a_model_is_refused() -> None:
    class ConvolutionBackward0:
        """The node of a convolution, in a PyTorch that keeps its weight under another name."""

    with pytest.raises(QuestionError, match=r"no ConvolutionBackward0\._saved_weight, by which GradViz sees"):
        kernel_guards._of_convolution(ConvolutionBackward0())


def test_an_authors_function_that_is_called_as_a_convolution_is_not_refused() -> None:
    class MyConvolution(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
            return 2 * gradients[0]

    class Net(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            doubled: torch.Tensor = MyConvolution.apply(x)
            return doubled

    found = gradients(Net(), torch.ones(1, 2), target=ClassScore(0), wrt=INPUT)
    assert found.gradients[INPUT].tolist() == [[2.0, 0.0]]
