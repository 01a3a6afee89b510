"""What a page shows where nobody else asks anything: one question after the other, in a fresh app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tests.load.people import Seen
from tests.load.running import App
from tests.load.tab import Tab


async def wrong(app: App, seen: Iterable[Seen]) -> list[str]:
    """Which of these pages this app, asked for one after the other, shows otherwise."""
    asked: dict[tuple[str, tuple[tuple[str, str], ...]], list[Seen]] = defaultdict(list)
    for each in seen:
        asked[each.page, each.choices].append(each)
    complaints = []
    tab = await Tab.opened(app.door(), checks=False)
    try:
        for (page, choices), answers in asked.items():
            screen = await tab.open(page, dict(choices))
            alone = (screen.digest(), tuple(screen.errors))
            complaints += [
                f"{page} {dict(choices)}: {each.errors or 'other numbers'}, alone {alone[1] or 'without an error'}"
                for each in answers
                if (each.digest, each.errors) != alone
            ]
    finally:
        await tab.close()
    return complaints
