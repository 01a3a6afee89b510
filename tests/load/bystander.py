"""Somebody who works on, from an address of their own, while others attack: how long each thing takes them."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager

import numpy as np
from PIL import Image

from tests.load import bringing
from tests.load.requests import Door
from tests.load.tab import Hang, Tab

SCALES = ("logit", "log_probability", "probability")
PATIENCE_S = 40.0
SAMPLES = ("star", "crescent", "ring", "cross")


def picture(seed: int, side: int = 20) -> bytes:
    """A small PNG; each seed gives another one."""
    out = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "PNG")
    return out.getvalue()


class Bystander:
    """One tab, which never asks the same twice, so that nothing it is shown was kept from before."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        self.complaints: list[str] = []
        """What it was shown instead of what it asked for."""
        self._new = self._questions()
        self._seeds = itertools.count(random.randrange(10**9))

    @staticmethod
    def _questions() -> Iterator[dict[str, str]]:
        questions = list(itertools.product(SCALES, SAMPLES, range(8)))
        random.shuffle(questions)
        for scale, sample, label in questions:
            yield {"model": "preset/shapes-cnn", "image": f"sample/{sample}", "target": str(label), "scale": scale}

    async def ask_preset(self) -> float:
        """Seconds until a new question about a preset is on the page."""
        choices = next(self._new)
        return await self._timed(self.tab.open("saliency", choices, patience_s=PATIENCE_S))

    async def upload(self) -> float:
        """Seconds until a small picture of their own, new to everybody, is on the page with its gradient."""
        await self._timed(self.tab.open("saliency", {"model": "preset/shapes-cnn"}, patience_s=PATIENCE_S))
        data = picture(next(self._seeds))
        return await self._timed(bringing.picture(self.tab, "mine.png", data, patience_s=PATIENCE_S))

    async def _timed(self, doing: Awaitable[object]) -> float:
        start = time.monotonic()
        try:
            await doing
        except (Hang, bringing.NotTaken) as error:
            self.complaints.append(str(error))
        else:
            if "gradient" not in self.tab.screen.figures:
                self.complaints += self.tab.screen.errors
        return time.monotonic() - start

    async def work_on(self, until: asyncio.Event) -> tuple[float, float]:
        """Ask and upload in turn until something has happened, at least once each: the longest wait for either."""
        asked, uploaded = [await self.ask_preset()], [await self.upload()]
        while not until.is_set():
            asked.append(await self.ask_preset())
            uploaded.append(await self.upload())
        return max(asked), max(uploaded)


@asynccontextmanager
async def bystander(door: Door) -> AsyncIterator[Bystander]:
    """Somebody in a tab of their own, for as long as the context lasts."""
    tab = await Tab.opened(door, checks=False, patience_s=PATIENCE_S)
    try:
        yield Bystander(tab)
    finally:
        await tab.close()
