"""``results.parquet`` and ``receipt.json``, from the rows of all shards, in the order of the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradviz_core.batch import tables
from gradviz_core.batch.folder import MADE_BY, ROUNDING
from gradviz_core.batch.plan import Plan, Planned
from gradviz_core.batch.setup import Asked, Setup
from gradviz_core.batch.shards import rows_file, shards

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finished folder holds."""

    rows: int
    errors: int
    float16_error: float | None
    """The largest, relative to the largest number of its map; None in float32."""


def write(folder: Path, setup: Setup, plan: Plan) -> Finished:
    """Write both files, once all shards are done. Two jobs that do so at once write the same."""
    import pyarrow.parquet as pq

    found: dict[tuple[int, int], dict[str, Any]] = {}
    made: dict[str, int] = {}
    rounding = 0.0
    for shard in shards(setup, plan):
        file = rows_file(folder, setup, shard)
        for row in tables.read(file):
            found[shard.asked, row["position"]] = row
        said = pq.read_schema(file).metadata
        by = said[MADE_BY].decode()
        made[by] = made.get(by, 0) + shard.last - shard.first
        rounding = max(rounding, float(said[ROUNDING]))
    rows = [*_rows(setup, plan, found)]
    tables.write(folder / "results.parquet", rows, _schema())
    errors = sum(bool(row["error"]) for row in rows)
    finished = Finished(len(rows), errors, rounding if setup.float16 else None)
    receipt = {
        "images": len(plan.images),
        "positions": plan.positions,
        "rows": finished.rows,
        "errors": finished.errors,
        "questions": [_said(one) for one in setup.asked],
        "maps": "float16" if setup.float16 else "float32",
        "float16_error": finished.float16_error,
        "shard": setup.shard,
        "computed": [{**json.loads(by), "positions": count} for by, count in sorted(made.items())],
    }
    tables.write_whole(folder / "receipt.json", json.dumps(receipt, indent=1).encode())
    return finished


def _rows(setup: Setup, plan: Plan, found: dict[tuple[int, int], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for number, asked in enumerate(setup.asked):
        for one in plan.images:
            yield _row(asked, one, found.get((number, one.position), {}))


def _row(asked: Asked, one: Planned, found: dict[str, Any]) -> dict[str, Any]:
    named = {"image": one.found.name, "label": one.found.label, "id": one.found.id, "question": asked.name}
    digests = {"sha256": one.sha256, "question_sha256": asked.sha256, "weights_sha256": asked.weights}
    return {**found, **named, **digests, "position": one.position, "error": one.error or found.get("error", "")}


def _said(asked: Asked) -> dict[str, Any]:
    arrays = {site: f"maps.zarr/{asked.array(site)}" for site, _ in asked.shapes}
    return {
        "name": asked.name,
        "question": json.loads(asked.text),
        "weights_sha256": asked.weights,
        "units": list(asked.units),
        "maps": arrays,
        "several_images_in_a_pass": asked.in_rows,
    }


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, number, whole = pa.string(), pa.float64(), pa.int64()
    columns = [
        *((name, text) for name in ("image", "label", "id", "question", "target", "prediction")),
        ("predicted", whole),
        *((name, number) for name in ("probability", "score", "l1", "l2", "gap", "seconds")),
        ("error", text),
        *((name, text) for name in ("sha256", "question_sha256", "weights_sha256")),
        ("position", whole),
    ]
    return pa.schema(columns)
