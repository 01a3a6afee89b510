"""What the README says is so: its code runs, its links lead somewhere, its pages and targets of make exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest

from gradviz_core.models.catalogue import TORCHVISION, presets

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_the_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[go.Figure] = []
    monkeypatch.setattr(go.Figure, "show", lambda self: shown.append(self))
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(block, names)
    assert len(BLOCKS) == 3
    assert names["answer"].gradients[names["gv"].INPUT].shape == (1, 3, 96, 96)
    assert names["t"].gradients.keys() == {info.site for info in names["sites"]}
    assert [type(figure) for figure in shown] == [go.Figure]


def test_the_main_job_takes_five_lines() -> None:
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) == 5


@pytest.mark.parametrize(
    "document", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name
)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def test_pages_and_make_targets_exist_and_the_reverse() -> None:
    table = re.findall(r"^\| (\w[\w, ]+?) \| [A-Z]", README, flags=re.MULTILINE)
    cards = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "pages").glob("*.py"))
    titles = re.findall(r'contents\.Page\(\s*"([^"]+)"', cards)
    assert set(table) == set(titles)
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"^ {4}make ([a-z]+)", README, flags=re.MULTILINE)) <= targets


def test_the_numbers_of_models_are_right() -> None:
    assert f"torchvision's {len(TORCHVISION)} classification models" in " ".join(README.split())
    own = [card for card in presets() if card.weights is None]
    assert (len(own), len(presets())) == (6, 7)
    assert "six small trained models" in README
    assert "EfficientNet-Lite0" in README
