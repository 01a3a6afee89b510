"""How much of the workers' time each session has used recently. No clock is read here: the time is passed in."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

HALF_S = 60.0
"""Half-life, in seconds, of the time that was used."""
LEAST_S = 0.01
"""Least seconds charged for a job, so that two askers who have used nothing take turns."""
MOST = 4_000
"""The most accounts kept; beyond that, those who used the least are dropped."""
_RATE = math.log(2) / HALF_S


@dataclass(slots=True)
class _Account:
    used: float = 0.0
    at: float = 0.0
    running: int = 0

    def advance(self, now: float) -> None:
        """Where n questions run, what was used changes by n - rate * used in each second."""
        level = self.running / _RATE
        self.used = level + (self.used - level) * math.exp(-_RATE * max(0.0, now - self.at))
        self.at = now


class Ledger:
    """Seconds used by each key, including what is running now; past use is halved every ``HALF_S``."""

    def __init__(self) -> None:
        """No accounts yet."""
        self._accounts: dict[Hashable, _Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def used(self, key: Hashable, now: float) -> float:
        """Seconds that count for this key."""
        account = self._accounts.get(key)
        if account is None:
            return 0.0
        account.advance(now)
        return account.used

    def begin(self, key: Hashable, now: float) -> None:
        """One more job runs for this key from now on."""
        account = self._account(key, now)
        account.running += 1
        account.used += LEAST_S

    def end(self, key: Hashable, now: float) -> None:
        """One job fewer."""
        self._account(key, now).running -= 1

    def charge(self, key: Hashable, seconds: float, now: float) -> None:
        """Charge ``seconds`` in addition to the time that ran."""
        self._account(key, now).used += seconds

    def _account(self, key: Hashable, now: float) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= MOST:
                self._forget(now)
            account = self._accounts[key] = _Account(at=now)
        account.advance(now)
        return account

    def _forget(self, now: float) -> None:
        """Half of the accounts: of those for which nothing runs, those that used the least."""
        idle = [key for key, account in self._accounts.items() if not account.running]
        for key in sorted(idle, key=lambda key: self.used(key, now))[: MOST // 2]:
            del self._accounts[key]
