# ruff: noqa: T201 - it prints what it measured
"""Models as large as VGG-16 through the real app: ``python -m tests.load.large_model``, or ``make large-model``.

Two people at two addresses bring 528 MB of weights each at the same time, one as safetensors and one as a state dict
of torch's. Both are read, both see a saliency, and what it took is printed. It needs 4 GB of memory and of disk, and a
few minutes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import safetensors.torch
import torch
from torchvision.models import vgg16

from gradviz_core.settings import Settings
from tests.load import bringing
from tests.load.running import App, Watch, running
from tests.load.tab import Tab


def weights(folder: Path) -> list[Path]:
    """VGG-16 with random weights, in both formats. They differ, so that neither is there already."""
    made = []
    for seed, ending in enumerate(("safetensors", "pth")):
        torch.manual_seed(seed)
        state = vgg16().state_dict()
        made.append(folder / f"vgg16.{ending}")
        if ending == "safetensors":
            safetensors.torch.save_file(state, made[-1])
        else:
            torch.save(state, made[-1])
    return made


async def bring(app: App, source: str, file: Path) -> float:
    """Bring a model and look at it; the seconds from choosing the file to its saliency on the page."""
    tab = await Tab.opened(app.door(source), checks=False)
    try:
        data = await asyncio.to_thread(file.read_bytes)
        begun = time.monotonic()
        await bringing.model(tab, file.name, data)
        assert not tab.screen.errors, tab.screen.errors
        assert "gradient" in tab.screen.figures
        return time.monotonic() - begun
    finally:
        await tab.close()


async def both(app: App, files: list[Path]) -> list[float]:
    return list(await asyncio.gather(*(bring(app, f"127.0.0.{2 + i}", file) for i, file in enumerate(files))))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gradviz-large-") as name:
        folder = Path(name)
        files = weights(folder)
        sizes = ", ".join(f"{file.name} {file.stat().st_size / 1e6:.0f} MB" for file in files)
        with running(folder) as app, Watch(app) as watch:
            for what, chosen in (("one", files[:1]), ("both at once", [files[1], _other(files[0])])):
                took = asyncio.run(both(app, chosen))
                print(f"{what}: {' and '.join(f'{seconds:.0f} s' for seconds in took)} from the file to its saliency")
    print(f"sizes: {sizes}")
    print(f"health answered within {watch.slowest_s:.2f} s")
    for part in ("app", "service", "worker"):
        print(f"{part}: at most {watch.most_mb(part):.0f} MB resident")
    print(f"limit of a worker's data: {Settings().upload_memory_mb} MB")
    assert watch.most_mb("app") < 500


def _other(file: Path) -> Path:
    """The same weights but for one, so that the file is another one."""
    state = safetensors.torch.load_file(file)
    state["classifier.6.bias"] += 1
    safetensors.torch.save_file(state, file)
    return file


if __name__ == "__main__":
    main()
