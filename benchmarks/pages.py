"""How many pages one core serves: processor time of the app, of the service and of the workers for each page that
somebody opens, so that other work on the machine hardly changes it. Seconds that pass are not measured."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil  # type: ignore[import-untyped]

from tests.load.running import App, running
from tests.load.tab import Tab

SETTINGS = {"GRADVIZ_WORKERS": "1", "GRADVIZ_THREADS": "1"}
KINDS = {
    "a preset (shapes-cnn, 96x96)": ("preset/shapes-cnn", ("star", "heart", "crescent", "ring"), range(8)),
    "ResNet-18 at 224x224": ("torchvision/resnet18@random-0", ("cat", "coffee"), range(16)),
}
PAGES = ("saliency", "neurons", "feature-maps", "perturbation")


def rows(rounds: int) -> Iterator[str]:
    """``rounds`` pages of each kind, never the same one twice, each drawn to its end before the next is opened."""
    with TemporaryDirectory() as folder, running(Path(folder), SETTINGS) as app:
        for kind in KINDS:
            yield asyncio.run(_measured(app, kind, rounds))


async def _measured(app: App, kind: str, rounds: int) -> str:
    model, images, labels = KINDS[kind]
    questions = itertools.product(labels, images, PAGES)
    tab = await Tab.opened(app.door(), "saliency", {"model": model, "image": f"sample/{images[0]}"}, checks=False)
    before, pages = _spent(app), 0
    for label, image, page in itertools.islice(questions, rounds):
        await tab.open(page, {"model": model, "image": f"sample/{image}", "target": str(label)})
        pages += 1
    of_app, of_workers = (after - was for after, was in zip(_spent(app), before, strict=True))
    await tab.close()
    each = (of_app + of_workers) / pages
    return (
        f"  {kind}: {1 / each:.1f} pages a second on one core; {1e3 * of_app / pages:.0f} ms of the app and "
        f"{1e3 * of_workers / pages:.0f} ms of the rest for each"
    )


def _spent(app: App) -> tuple[float, float]:
    """Seconds of a processor that the app has taken so far, and that the service and all below it have."""
    service = app.service()
    below = [] if service is None else [service, *service.children(recursive=True)]
    return _seconds(app.process), sum(map(_seconds, below))


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
