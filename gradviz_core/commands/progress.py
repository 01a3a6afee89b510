"""How far a batch is: a bar on standard error where that is a terminal, lines of JSON where they were asked for."""

from __future__ import annotations

import json
import sys
import time

import click


class Progress:
    """Images that are done, of those that were to do."""

    def __init__(self, images: int, as_json: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=images, unit="image", file=sys.stderr, disable=not sys.stderr.isatty())
        self._as_json, self._images, self._done, self._began = as_json, images, 0, time.perf_counter()

    def images(self, count: int) -> None:
        """So many more are done; fewer than 0 where a shard is begun again."""
        self._done += count
        self._bar.update(count)

    def shard(self, left: int) -> None:
        """A shard is written."""
        if self._as_json:
            rate = self._done / max(1e-9, time.perf_counter() - self._began)
            said = {"done": self._done, "of": self._images, "shards_left": left, "images_per_second": rate}
            click.echo(json.dumps(said, separators=(",", ":")))

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
