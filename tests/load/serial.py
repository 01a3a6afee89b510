"""What a page shows where nobody else asks anything: one question after the other, in a fresh app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.load.differences import differences
from tests.load.people import Seen
from tests.load.running import App
from tests.load.screen import Screen, unpacked
from tests.load.tab import Tab


async def wrong(app: App, seen: Iterable[Seen]) -> list[str]:
    """Which of these pages this app, asked for one after the other, shows differently, and where."""
    asked: dict[tuple[str, tuple[tuple[str, str], ...]], list[Seen]] = defaultdict(list)
    for each in seen:
        asked[each.page, each.choices].append(each)
    complaints = []
    tab = await Tab.opened(app.door(), checks=False)
    try:
        for (page, choices), answers in asked.items():
            alone = await tab.open(page, dict(choices))
            complaints += [f"{page} {dict(choices)}: {said}" for each in answers if (said := _otherwise(each, alone))]
    finally:
        await tab.close()
    return complaints


def _otherwise(seen: Seen, alone: Screen) -> str:
    """What somebody was shown that the page alone does not show; empty where both are the same."""
    if seen.errors != tuple(alone.errors):
        return f"{' '.join(seen.errors) or 'no error'}, alone {' '.join(alone.errors) or 'no error'}"
    if seen.charts == alone.packed():
        return ""
    where = "; ".join(differences(unpacked(seen.charts), alone.figures))
    return f"{where} (came from {seen.came_from})"
