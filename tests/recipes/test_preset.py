"""The recipe "Add a preset" of CONTRIBUTING.md: a network, a plan, and the two files that training writes."""

from __future__ import annotations

import json
from pathlib import Path

from tests.opening import SALIENCY
from tests.recipes.scratch import copied

NETWORKS, PLANS = "gradviz_core/models/architectures.py", "scripts/train_presets.py"
NETWORK = '''class DigitsLinear(nn.Module):
    """One linear layer. (N, 1, 28, 28) -> (N, 10) logits."""

    def __init__(self, classes: int = DIGITS) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(28 * 28, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.flatten(x))
        return logits


'''
ENTRY = '    "digits-linear": DigitsLinear,\n'
PLAN = """        Plan(
            "digits-linear",
            "Digits, one layer",
            "A single linear layer: its gradient is its weights.",
            epochs=2,
            rate=3e-3,
            batch=64,
            input=GREY_DIGITS,
        ),
"""


def test_a_preset_is_a_network_and_a_plan(tmp_path: Path) -> None:
    scratch = copied(tmp_path / "copy")
    scratch.insert(NETWORKS, "ARCHITECTURES: dict", NETWORK)
    scratch.insert(NETWORKS, '    "digits-cnn": DigitsCNN,\n', ENTRY)
    scratch.insert(PLANS, '        Plan(\n            "shapes-vit"', PLAN)
    scratch.run(PLANS, "digits-linear")
    card = json.loads((scratch.folder / "assets/models/digits-linear.json").read_text(encoding="utf-8"))
    assert (card["title"], card["parameters"]) == ("Digits, one layer", 7850)
    assert card["accuracy"][0]["value"] > 0.7
    seen = scratch.visit(
        page=SALIENCY,
        choices={"model": "preset/digits-linear", "image": "sample/digit-3"},
        picture="gradient",
        program="Gradient",
    )
    assert seen["errors"] == []
    assert "Digits, one layer" in seen["models"]
    assert seen["size"] > 0
    assert seen["apart"] < 1e-6
    assert 'gv.load("preset/digits-linear")' in seen["code"]
    assert any("changes with each pixel: signed sum over the single channel" in text for text in seen["texts"])
    assert seen["arrays"]["gradient/.input"] == [1, 1, 28, 28]
    written = {f"assets/models/digits-linear.{end}" for end in ("json", "safetensors")}
    assert scratch.changed() == {NETWORKS, PLANS, *written}
