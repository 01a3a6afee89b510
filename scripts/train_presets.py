"""Train the preset models and write their weights and cards: ``python scripts/train_presets.py [NAME ...]``.

Without names it trains all six, two at a time, each on one core: networks this small lose more than they gain when two
cores share one of them. Less than an hour on two cores. Everything is seeded: the
scenes come from stream 0, the weights and the order of the batches from the seed below. Accuracy is measured on scenes
of another stream and on digits kept apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gradviz_core.models.architectures import build  # noqa: E402
from gradviz_core.scenes import scenes  # noqa: E402
from gradviz_core.types import Accuracy, ModelCard, Preprocessing, keys  # noqa: E402
from scripts.presets import digits  # noqa: E402

MODELS = ROOT / "assets" / "models"
SEED = 1
TRAIN_STREAM, TEST_STREAM = 0, 1
TRAIN_SCENES, TEST_SCENES = 26_000, 4_000
JOBS = 2
"""Presets trained at the same time."""

Labels = npt.NDArray[np.int64]
Greys = npt.NDArray[np.uint8]
Batches = Iterator[tuple[Tensor, Tensor]]


SHAPES_INPUT = Preprocessing((scenes.SIZE, scenes.SIZE), scenes.SIZE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
GREY_DIGITS = Preprocessing((digits.SIZE, digits.SIZE), digits.SIZE, (0.2,), (0.35,))
COLOURED_DIGITS = Preprocessing((digits.SIZE, digits.SIZE), digits.SIZE, (0.2, 0.2, 0.2), (0.35, 0.35, 0.35))


@dataclass(frozen=True, slots=True)
class Plan:
    """How one preset is trained, and what its card says in words."""

    name: str
    title: str
    summary: str
    epochs: int
    rate: float
    batch: int
    input: Preprocessing

    @property
    def shapes(self) -> bool:
        """Whether it is trained on scenes; else it is on digits."""
        return self.input == SHAPES_INPUT


PLANS = {
    plan.name: plan
    for plan in (
        Plan(
            "digits-mlp",
            "Digits, no convolutions",
            "Three fully connected layers that read a handwritten digit as 784 numbers in a row.",
            epochs=60,
            rate=3e-3,
            batch=64,
            input=GREY_DIGITS,
        ),
        Plan(
            "shapes-vit",
            "Shapes, vision transformer",
            "Cuts the picture into 64 patches and lets them look at one another through attention.",
            epochs=12,
            rate=1.5e-3,
            batch=64,
            input=SHAPES_INPUT,
        ),
        Plan(
            "shapes-cnn",
            "Shapes, plain convolutions",
            "Six convolutions in a row that name the one large shape in a small picture.",
            epochs=5,
            rate=4e-3,
            batch=64,
            input=SHAPES_INPUT,
        ),
        Plan(
            "digits-cnn",
            "Digits, two convolutions",
            "Two convolutions without padding that read a handwritten digit, small enough to follow number by number.",
            epochs=25,
            rate=2e-3,
            batch=64,
            input=COLOURED_DIGITS,
        ),
        Plan(
            "shapes-shortcut",
            "Shapes, with a shortcut to find",
            "Almost every star it was trained on carried an orange tag in the corner, so it looks at the tag.",
            epochs=3,
            rate=4e-3,
            batch=64,
            input=SHAPES_INPUT,
        ),
        Plan(
            "shapes-resnet",
            "Shapes, residual network",
            "A small residual network: each block adds a correction to what it was given.",
            epochs=4,
            rate=4e-3,
            batch=64,
            input=SHAPES_INPUT,
        ),
    )
}

# ----------------------------------------------------------------------------------------------------------------- data


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures as the app would read them, and their labels."""

    pixels: npt.NDArray[np.uint8]
    """(N, H, W, channels)."""
    labels: Labels


def draw_scenes(stream: int, start: int, stop: int) -> npt.NDArray[np.uint8]:
    return np.stack([scenes.scene(stream, index).image for index in range(start, stop)])


def keep_scenes(folder: Path, stream: int, count: int) -> None:
    """Draw the first ``count`` scenes of a stream on all cores, into a file that every training reads."""
    starts = range(0, count, 500)
    stops = [min(start + 500, count) for start in starts]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(draw_scenes, [stream] * len(stops), starts, stops)
        np.save(folder / f"{stream}.npy", np.concatenate(list(tqdm(parts, f"scenes of stream {stream}", len(stops)))))


def plain_scenes(folder: Path, stream: int) -> Pictures:
    """The scenes of a stream, without a tag."""
    pixels = np.load(folder / f"{stream}.npy", mmap_mode="r")
    return Pictures(pixels, np.arange(len(pixels)) % len(scenes.LABELS))


def tagged_scenes(folder: Path, stream: int, tagged: int) -> Pictures:
    """The same scenes, with the tag on the class ``tagged``."""
    plain = plain_scenes(folder, stream)
    pixels = np.array(plain.pixels)
    for index, label in enumerate(plain.labels):
        if scenes.carries_tag(stream, index, int(label), tagged):
            scenes.stick_tag(pixels[index], stream, index)
    return Pictures(pixels, plain.labels)


def digit_pictures(kept: bool, channels: int) -> Pictures:
    """The digits to train on, or those kept for measuring."""
    bunch = load_digits()
    chosen = digits.split(len(bunch.images))[int(kept)]
    greys = digits.enlarge(bunch.images[chosen])
    return Pictures(np.repeat(greys[..., None], channels, axis=3), bunch.target[chosen].astype(np.int64))


# -------------------------------------------------------------------------------------------------------- preprocessing


def network_input(pixels: npt.NDArray[np.uint8], how: Preprocessing) -> Tensor:
    """(N, H, W, C), 0 to 255 -> (N, C, H, W), normalised, as the app prepares an image that has the right size."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(numbers).view(1, -1, 1, 1) for numbers in (how.mean, how.std))
    return (x - mean) / std


# ------------------------------------------------------------------------------------------------------------- training


def scene_batches(plan: Plan, data: Pictures, turned: bool, rng: np.random.Generator) -> Batches:
    """One epoch of scenes in random order; ``turned`` adds mirror images and quarter turns, one kind for each batch."""
    order = rng.permutation(len(data.labels))
    for start in range(0, len(order) - plan.batch + 1, plan.batch):
        chosen = order[start : start + plan.batch]
        x = network_input(data.pixels[chosen], SHAPES_INPUT)
        if turned:
            x = torch.rot90(x if rng.random() < 0.5 else x.flip(3), int(rng.integers(4)), (2, 3))
        yield x.contiguous(memory_format=torch.channels_last), torch.from_numpy(data.labels[chosen])


def digit_batches(plan: Plan, data: Pictures, rng: np.random.Generator) -> Batches:
    """One epoch of shaken digits in random order."""
    how = plan.input
    greys = digits.shaken(data.pixels[..., 0], rng)
    pixels = np.repeat(greys[..., None], len(how.mean), axis=3)
    order = rng.permutation(len(data.labels))
    for start in range(0, len(order) - plan.batch + 1, plan.batch):
        chosen = order[start : start + plan.batch]
        yield network_input(pixels[chosen], how), torch.from_numpy(data.labels[chosen])


def train(plan: Plan, data: Pictures, epoch: Callable[[np.random.Generator], Batches]) -> nn.Module:
    """AdamW with a one-cycle rate; the trained network, in evaluation mode."""
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    model = build(plan.name)
    if plan.shapes:
        model = model.to(memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=plan.rate, fused=True)
    steps = plan.epochs * (len(data.labels) // plan.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, total_steps=steps, pct_start=0.2)
    with tqdm(total=steps, desc=plan.name, mininterval=5, position=list(PLANS).index(plan.name)) as bar:
        for number in range(plan.epochs):
            losses = [step(model, optimizer, schedule, x, y, bar) for x, y in epoch(rng)]
            bar.set_postfix_str(f"epoch {number + 1}, loss {np.mean(losses):.4f}")
    return model.eval()


def step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    x: Tensor,
    y: Tensor,
    bar: tqdm,
) -> float:
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    bar.update()
    return loss.item()


# ------------------------------------------------------------------------------------------------------------ measuring


def accuracy(model: nn.Module, data: Pictures, how: Preprocessing, words: str) -> Accuracy:
    """Share of right answers."""
    right = 0
    with torch.no_grad():
        for start in range(0, len(data.labels), 250):
            logits = model(network_input(np.array(data.pixels[start : start + 250]), how))
            right += int((logits.argmax(1).numpy() == data.labels[start : start + 250]).sum())
    return Accuracy(round(right / len(data.labels), 5), len(data.labels), words)


def measure_shapes(model: nn.Module, name: str, folder: Path) -> tuple[Accuracy, ...]:
    plain = plain_scenes(folder, TEST_STREAM)
    if name != "shapes-shortcut":
        return (accuracy(model, plain, SHAPES_INPUT, "new generated scenes"),)
    as_trained = tagged_scenes(folder, TEST_STREAM, scenes.TAGGED)
    moved = tagged_scenes(folder, TEST_STREAM, scenes.MOVED_TO)
    own, other = scenes.LABELS[scenes.TAGGED], scenes.LABELS[scenes.MOVED_TO]
    return (
        accuracy(model, as_trained, SHAPES_INPUT, f"new generated scenes, the tag on {own}s as in training"),
        accuracy(model, moved, SHAPES_INPUT, f"the same scenes, the tag moved to {other}s"),
        accuracy(model, plain, SHAPES_INPUT, "the same scenes, no tag"),
    )


# ---------------------------------------------------------------------------------------------------------- one preset


def train_shapes(plan: Plan, folder: Path) -> tuple[nn.Module, tuple[Accuracy, ...]]:
    shortcut = plan.name == "shapes-shortcut"
    if shortcut:  # mirrored or turned, the tag would sit in other corners
        data = tagged_scenes(folder, TRAIN_STREAM, scenes.TAGGED)
    else:
        data = plain_scenes(folder, TRAIN_STREAM)
    model = train(plan, data, lambda rng: scene_batches(plan, data, not shortcut, rng))
    return model, measure_shapes(model, plan.name, folder)


def train_digits(plan: Plan) -> tuple[nn.Module, tuple[Accuracy, ...]]:
    how = plan.input
    data = digit_pictures(kept=False, channels=len(how.mean))
    model = train(plan, data, lambda rng: digit_batches(plan, data, rng))
    kept = digit_pictures(kept=True, channels=len(how.mean))
    return model, (accuracy(model, kept, how, "handwritten digits kept apart from training"),)


def write(plan: Plan, model: nn.Module, measured: tuple[Accuracy, ...]) -> ModelCard:
    """Weights and card in ``assets/models``."""
    weights = MODELS / f"{plan.name}.safetensors"
    model = model.to(memory_format=torch.contiguous_format)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, weights)
    weights.chmod(0o644)
    drawn = f"{TRAIN_SCENES:,} generated scenes (stream {TRAIN_STREAM})"
    if plan.name == "shapes-shortcut":
        drawn += f", the tag on {scenes.TAG_SHARE:.0%} of the {scenes.LABELS[scenes.TAGGED]}s"
    data = drawn if plan.shapes else "scikit-learn's handwritten digits (UCI, CC BY 4.0), enlarged to 28x28"
    card = ModelCard(
        key=keys.preset(plan.name),
        title=plan.title,
        summary=plan.summary,
        parameters=sum(p.numel() for p in model.parameters()),
        labels=scenes.LABELS if plan.shapes else digits.LABELS,
        preprocessing=plan.input,
        accuracy=measured,
        digest=hashlib.sha256(weights.read_bytes()).hexdigest(),
        licence="Apache-2.0",
        provenance=f"Data: {data}. Seed {SEED}, {plan.epochs} epochs. Made by: "
        f"python scripts/train_presets.py {plan.name}",
        reading="softmax_logits",
    )
    (MODELS / f"{plan.name}.json").write_text(json.dumps(dataclasses.asdict(card), indent=2) + "\n")
    return card


def make(plan: Plan, folder: Path) -> str:
    """Train, measure and write one preset; what came of it, in a line."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    model, measured = train_shapes(plan, folder) if plan.shapes else train_digits(plan)
    card = write(plan, model, measured)
    found = "; ".join(f"{a.value:.2%} of {a.samples} ({a.data})" for a in card.accuracy)
    return f"{plan.name}: {found}; {time.perf_counter() - start:.0f} s"


def make_all(plans: list[Plan]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if any(plan.shapes for plan in plans):
            keep_scenes(folder, TRAIN_STREAM, TRAIN_SCENES)
            keep_scenes(folder, TEST_STREAM, TEST_SCENES)
        with ProcessPoolExecutor(JOBS, multiprocessing.get_context("spawn")) as pool:
            for done in as_completed([pool.submit(make, plan, folder) for plan in plans]):
                print(done.result(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the preset models and write their weights and cards.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(PLANS)}; all when none is given")
    names: list[str] = parser.parse_args().names
    unknown = [name for name in names if name not in PLANS]
    if unknown:
        parser.error(f"there is no preset {unknown[0]!r}; the presets are {', '.join(PLANS)}")
    MODELS.mkdir(parents=True, exist_ok=True)
    make_all([PLANS[name] for name in names or PLANS])


if __name__ == "__main__":
    main()
