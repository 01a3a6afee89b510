"""People at work: each looks at a page for some seconds, then asks something new, as one does with the controls of the
page. What each was shown, and how long it took, is written down."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.exceptions import InvalidHandshake

from tests.load import bringing, heavy
from tests.load.bystander import picture
from tests.load.requests import Door, Gone, Refused
from tests.load.screen import Screen
from tests.load.tab import Hang, Tab

PRESETS = ("shapes-cnn", "shapes-resnet", "shapes-vit", "digits-cnn", "digits-mlp")
WITH_SHAPES, WITH_DIGITS = ("star", "crescent", "heart"), ("digit-3", "digit-5")
RANDOM = "torchvision/resnet18@random-0"
PAGES = ("saliency", "neurons", "feature-maps", "gradient-flow", "jacobian", "perturbation", "doctor", "lessons")
VIEWS = ("signed", "magnitude", "channel")
ENDS = (Gone, LookupError, OSError, InvalidHandshake, TimeoutError)
"""What ends a session that nobody closed."""
AGAIN = 5
"""How often somebody presses "Ask again" before they give up."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that somebody asked for, and what it showed: its charts, packed, and the sentences of its errors."""

    page: str
    choices: tuple[tuple[str, str], ...]
    charts: bytes
    errors: tuple[str, ...]
    seconds: float
    came_from: str = ""
    """The page that was there before."""


@dataclass
class Diary:
    """What became of everything that was asked."""

    seen: list[Seen] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Questions that got no answer however often they were asked again, and sessions that ended."""
    hangs: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    """The sentences after which somebody pressed "Ask again"."""


class Person:
    """One honest session."""

    def __init__(self, door: Door, seed: int, pause_s: tuple[float, float], diary: Diary) -> None:
        self._door, self._seed, self._pause_s, self._diary = door, seed, pause_s, diary
        self._dice = random.Random(seed)
        self._page = ""

    async def work(self, until: asyncio.Event) -> None:
        """Open a page, and ask on until something has happened."""
        await asyncio.sleep(self._dice.uniform(0, self._pause_s[1]))
        try:
            tab = await Tab.connected(self._door)
        except ENDS as error:
            self._diary.lost.append(f"a new session: {error!r}")
            return
        try:
            await self._ask(tab, lambda: self._first(tab))
            if self._seed % 6 == 0:
                await self._ask(tab, lambda: bringing.picture(tab, "mine.png", picture(self._seed, 40)))
            if self._seed % 12 == 1:
                await self._ask(tab, lambda: bringing.model(tab, "mine.pt2", heavy.small(self._seed)))
            while not until.is_set():
                await asyncio.sleep(self._dice.uniform(*self._pause_s))
                await self._ask(tab, self._idea(tab))
        except ENDS as error:
            self._diary.lost.append(f"{self._page} {tab.address}: {error!r}")
        finally:
            self._diary.lost += tab.trouble
            await tab.close()

    # ----------------------------------------------------------------------------------------------------- what to ask

    async def _first(self, tab: Tab) -> Screen:
        preset = self._dice.choice(PRESETS)
        samples = WITH_DIGITS if preset.startswith("digits") else WITH_SHAPES
        choices = {"model": f"preset/{preset}", "image": f"sample/{self._dice.choice(samples)}"}
        if self._seed % 8 == 3:
            choices = {"model": RANDOM, "image": "sample/cat"}
        return await self._at(tab, self._dice.choice(PAGES[:6]), choices)

    async def _at(self, tab: Tab, page: str, choices: dict[str, str]) -> Screen:
        self._page = page
        return await tab.open(page, choices)

    def _idea(self, tab: Tab) -> Callable[[], Awaitable[object]]:
        """Something new that this page lets one ask: another page, or what one of its controls offers."""
        ideas = [lambda: self._turn_to(tab, self._dice.choice(PAGES))]
        for key, most in (("shown_target", 4), ("shown_site", 4)):
            if (options := self._options(tab, key)[:most]) and len(options) > 1:
                ideas.append(lambda key=key, options=options: tab.choose(key, self._dice.choice(options)))  # type: ignore[misc]
        charts = [key for key in ("image", "gradient", "activation") if key in tab.screen.figures]
        if charts and self._page in {"saliency", "neurons"}:
            ideas.append(lambda: tab.click(self._dice.choice(charts), *self._dice.choice(((1, 2), (3, 3), (5, 4)))))
        if self._page == "saliency":
            view = {"view": self._dice.choice(VIEWS)}
            ideas.append(lambda: self._at(tab, "saliency", tab.address | view))
        if self._page != "lessons":  # which has no pictures to choose from
            samples = self._samples(tab.address.get("model", ""))
            ideas.append(lambda: tab.event("thumbnails", "chosen", f"sample/{self._dice.choice(samples)}"))
        return self._dice.choice(ideas)

    async def _turn_to(self, tab: Tab, page: str) -> Screen:
        self._page = page
        return await tab.go(page)

    @staticmethod
    def _options(tab: Tab, key: str) -> list[str]:
        try:
            return list(tab.screen.widget("selectbox", key).options)
        except LookupError:
            return []

    @staticmethod
    def _samples(model: str) -> tuple[str, ...]:
        return WITH_DIGITS if "digits" in model else ("cat", "coffee") if "torchvision" in model else WITH_SHAPES

    # --------------------------------------------------------------------------------------------- asking, and waiting

    async def _ask(self, tab: Tab, doing: Callable[[], Awaitable[object]]) -> None:
        """Do something, and ask again where the page says that this may help. Not counted among the times: what was
        asked again, for a person decides when."""
        start, before = time.monotonic(), f"{self._page} {tab.address}"
        try:
            if not await self._done(tab, doing):
                return
        except Hang as error:
            self._diary.hangs.append(f"{self._page} {tab.address}: {error}")
            return
        seconds = time.monotonic() - start
        try:
            for _ in range(AGAIN):
                if not _may_ask_again(tab.screen):
                    break
                self._diary.again += tab.screen.errors
                await asyncio.sleep(self._dice.uniform(1, 3))
                await tab.press("Ask again")
        except Hang as error:
            self._diary.hangs.append(f"asked again, {self._page} {tab.address}: {error}")
            return
        if _may_ask_again(tab.screen):
            self._diary.lost.append(f"{self._page} {tab.address}: {' '.join(tab.screen.errors)}")
            return
        shown = tab.screen
        choices = tuple(sorted(tab.address.items()))
        self._diary.seen.append(Seen(self._page, choices, shown.packed(), tuple(shown.errors), seconds, before))

    async def _done(self, tab: Tab, doing: Callable[[], Awaitable[object]]) -> bool:
        """Do it; a file that is not taken because too many ask is brought again. False where that does not help."""
        for _ in range(1 + AGAIN):
            try:
                await doing()
                return True
            except (bringing.NotTaken, Refused) as error:
                self._diary.again.append(str(error))
                await asyncio.sleep(self._dice.uniform(1, 3))
        self._diary.lost.append(f"{tab.address}: {self._diary.again[-1]}")
        return False


def _may_ask_again(screen: Screen) -> bool:
    return any(button.label == "Ask again" for button in screen.of("button"))
