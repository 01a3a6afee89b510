"""Settings are read strictly, and docs/settings.md tells the truth about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from gradviz_core.settings import PREFIX, Settings, cpu_count

DOCS = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", DOCS, re.MULTILINE))


def test_the_docs_list_every_setting_and_no_other() -> None:
    assert list(ROWS) == [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


@pytest.mark.parametrize("name", [n for n, f in Settings.model_fields.items() if f.default_factory is None])
def test_the_docs_state_the_default(name: str) -> None:
    default = Settings.model_fields[name].default
    shown = ROWS[f"{PREFIX}{name.upper()}"].strip().strip("`")
    if default is None:
        assert shown in {"none", "cores divided by workers"}
    else:
        assert type(default)(shown) == default


def test_the_cores_are_divided_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= Settings().workers <= 2
    assert Settings(workers=64).threads_per_worker == max(1, cpu_count() // 64)
    assert Settings(workers=1).threads_per_worker == cpu_count()
    monkeypatch.setenv("GRADVIZ_THREADS", "3")
    assert Settings().threads_per_worker == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("DEADLINE_S", "-1"),
        ("DEVICE", "tpu"),
        ("COMPUTE_ADDRESS", "http://here"),
        ("COMPUTE_KEY", "short"),
        ("UPLOAD_MB", "nan"),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_an_address_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADVIZ_COMPUTE_ADDRESS", "tcp://compute:7411")
    with pytest.raises(ValidationError, match="GRADVIZ_COMPUTE_KEY is not"):
        Settings()
    monkeypatch.setenv("GRADVIZ_COMPUTE_KEY", "0123456789abcdef")
    assert "0123456789abcdef" not in repr(Settings())


def test_settings_survive_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(workers=3, deadline_s=0.25, device="cpu", store=tmp_path, worker_memory_mb=900)
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
