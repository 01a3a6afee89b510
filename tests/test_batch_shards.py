"""A batch without its processes: each shard computed here, one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from PIL import Image
from torch import nn

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers import several
from gradviz_core.answers.load import Model, load
from gradviz_core.batch import folder as folders
from gradviz_core.batch import one_shard, running, setup, shards, sources
from gradviz_core.batch.running import Batch
from gradviz_core.batch.setup import ModelFile
from gradviz_core.commands.main import main
from gradviz_core.errors import QuestionError
from gradviz_core.types import INPUT, GradientQuestion, Site
from gradviz_core.uploads import own_files

CNN = "preset/shapes-cnn"
PLAIN = GradientQuestion(model=CNN, image="")
CAM = GradientQuestion(model=CNN, image="", method="grad_cam", wrt=(Site("features.17"),), target=gv.ClassScore(2))
STEPS = GradientQuestion(model=CNN, image="", method="integrated_gradients", options=(("steps", 4.0),))


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A batch computes on one thread, and the tests after it as before."""
    threads = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(own_files, "_LENT", {})
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Nine images, of which two are the same and one is broken."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(7):
        noise = np.random.default_rng(number).integers(0, 256, (100, 120, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    (folder / "2 again.png").write_bytes((folder / "2.png").read_bytes())
    (folder / "5 broken.png").write_bytes((folder / "5.png").read_bytes()[:90])
    return folder


def prepared(out: Path, images: Path, *questions: GradientQuestion, **more: Any) -> Batch:
    found = sources.find([str(images)])
    return running.prepare(out, found, [(question, ModelFile()) for question in questions], **more)


def compute(batch: Batch, part: tuple[int, int] = (1, 1)) -> int:
    """Compute what is missing, in this process; how many shards that was."""
    running.begin(batch)
    answerer, todo = Answerer("cpu", remember=False), running.missing(batch, part)
    for shard in todo:
        made = one_shard.compute(batch.setup.asked[shard.asked], shard, batch.plan.at_positions(), answerer)
        folders.write(batch.folder, batch.setup, shard, made, {"threads": 1})
    return len(todo)


def results(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "results.parquet").to_pylist()
    return found


def maps(batch: Batch, asked: int = 0) -> np.ndarray:
    one = batch.setup.asked[asked]
    found = zarr.open_group(batch.folder / "maps.zarr", mode="r")[one.array(one.shapes[0][0])]
    return np.asarray(found[:])  # type: ignore[index]


# ---------------------------------------------------------------------------------------------------------- the answers


def test_rows_and_maps_are_the_answers_of_the_library(tmp_path: Path, images: Path) -> None:
    batch = prepared(tmp_path / "out", images, PLAIN, CAM, STEPS, shard=4)
    assert [one.in_rows for one in batch.setup.asked] == [True, False, False]
    compute(batch)
    assert own_files._LENT == {}
    finished = running.finish(batch)
    assert finished is not None
    assert (finished.rows, finished.errors) == (27, 3)
    found = results(batch.folder)
    assert [Path(row["image"]).name for row in found[:9]] == sorted(path.name for path in images.iterdir())
    for number, question in enumerate((PLAIN, CAM, STEPS)):
        drawn = maps(batch, number)
        for row in found[9 * number : 9 * number + 9]:
            here = drawn[row["position"]]
            if "broken" in row["image"]:
                assert "The image is broken" in row["error"]
                assert row["score"] is None
                assert np.isnan(here).all()
                continue
            key = f"upload/{own_files.lend(Path(row['image']).read_bytes())}"
            alone = gv.answer(replace(question, image=key))
            true = alone.attributions[question.wrt[0]]
            off = 1e-5 * np.abs(true).max() if number == 0 else 0
            assert np.abs(here - true[0]).max() <= off
            assert row["score"] == pytest.approx(alone.score, rel=1e-5 if number == 0 else 1e-15)
            assert row["target"] == str(alone.target.explains)
            assert (row["prediction"], row["predicted"]) == (alone.prediction[0].label, alone.prediction[0].index)
            assert row["l1"] == pytest.approx(np.abs(here.astype(float)).sum(), rel=1e-9)
            assert row["l2"] == pytest.approx(np.sqrt(np.square(here.astype(float)).sum()), rel=1e-9)
            assert row["gap"] == (pytest.approx(alone.gaps[INPUT], rel=1e-9) if number == 2 else None)
            assert row["sha256"] == key.removeprefix("upload/")
            assert row["weights_sha256"] == batch.setup.asked[0].weights
    twice = {row["position"] for row in found[:9] if Path(row["image"]).name.startswith("2")}
    assert len(twice) == 1


def test_images_that_change_one_another_are_asked_one_by_one(tmp_path: Path, images: Path) -> None:
    """A network that subtracts the mean over the batch: its rows are no answers of their own."""

    class Mixes(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x - x.mean(0, keepdim=True) / 2).flatten(1)[:, :3] ** 2

    good = sorted(path for path in images.iterdir() if "broken" not in path.name)[:4]
    keys = [f"upload/{own_files.lend(path.read_bytes())}" for path in good]
    known = load(CNN)
    assert several.rows(Model(Mixes().eval(), known.card), PLAIN, keys) is None
    found = several.rows(known, PLAIN, keys)
    again = several.rows(known, PLAIN, keys)
    assert found is not None
    assert again is not None
    assert all(np.array_equal(one.gradient, other.gradient) for one, other in zip(found, again, strict=True))
    alone = gv.answer(replace(PLAIN, image=keys[1]))
    assert several.agrees(found[1], alone)
    assert not several.agrees(found[0], alone)


def test_fast_arithmetic_is_that_of_the_library(tmp_path: Path, images: Path) -> None:
    question = replace(PLAIN, model="preset/shapes-resnet", arithmetic="fast")
    batch = prepared(tmp_path / "out", images, question, shard=4)
    assert batch.setup.asked[0].in_rows
    compute(batch)
    drawn = maps(batch)
    for one in batch.plan.images[:2]:
        key = f"upload/{own_files.lend(Path(one.found.file).read_bytes())}"
        true = gv.answer(replace(question, image=key)).gradients[INPUT][0]
        plain = gv.answer(replace(question, image=key, arithmetic="plain")).gradients[INPUT][0]
        assert np.abs(drawn[one.position] - true).max() <= 1e-5 * np.abs(true).max()
        assert not np.array_equal(true, plain)


def test_float16_says_how_far_it_is_off(tmp_path: Path, images: Path) -> None:
    exact = prepared(tmp_path / "exact", images, PLAIN)
    half = prepared(tmp_path / "half", images, PLAIN, float16=True)
    for batch in (exact, half):
        compute(batch)
    finished = running.finish(half)
    assert finished is not None
    assert finished.float16_error is not None
    true, rounded = maps(exact), maps(half)
    assert rounded.dtype == np.float16
    good = ~np.isnan(true[:, 0, 0, 0])
    assert good.sum() == len(good) - 1
    off = np.abs(true - rounded)[good].max((1, 2, 3)) / np.abs(true)[good].max((1, 2, 3))
    assert finished.float16_error == pytest.approx(off.max(), rel=1e-6)
    assert 0 < finished.float16_error < 2**-11
    with pytest.raises(QuestionError, match="maps of the folder are float16"):
        prepared(tmp_path / "half", images, PLAIN)


# ------------------------------------------------------------------------------------------------------------- going on


def test_what_is_done_is_not_done_again_and_new_images_come_after(tmp_path: Path, images: Path) -> None:
    batch = prepared(tmp_path / "out", images, PLAIN, shard=3)
    assert compute(batch) == 3
    before = maps(batch)
    again = prepared(tmp_path / "out", images, PLAIN)
    assert again.setup == batch.setup
    assert compute(again) == 0
    extra = tmp_path / "images" / "1 later.png"
    Image.fromarray(np.full((96, 96, 3), 7, np.uint8)).save(extra)
    grown = prepared(tmp_path / "out", images, PLAIN)
    assert [shard.first for shard in running.missing(grown)] == [9]
    assert compute(grown) == 1
    after = maps(grown)
    assert len(before) == 8
    assert len(after) == 10, "the images that were last do not get another in their pass"
    assert np.isnan(after[8]).all()
    assert np.array_equal(after[: len(before)], before, equal_nan=True)
    finished = running.finish(grown)
    assert finished is not None
    assert finished.rows == 10
    last = results(grown.folder)[-1]
    assert (Path(last["image"]), last["position"]) == (extra, 9)
    assert json.loads((grown.folder / "receipt.json").read_text())["positions"] == 9


def test_an_image_that_could_not_be_read_is_computed_once_it_can_be(tmp_path: Path, images: Path) -> None:
    whole = prepared(tmp_path / "whole", images, PLAIN, shard=4)
    compute(whole)
    running.finish(whole)
    batch = prepared(tmp_path / "out", images, PLAIN, shard=4)
    (images / "1.png").rename(tmp_path / "away.png")
    compute(batch)
    finished = running.finish(batch)
    assert finished is not None
    assert finished.errors == 2
    (row,) = [row for row in results(batch.folder) if "Run the same command again" in row["error"]]
    assert Path(row["image"]).name == "1.png"
    assert compute(prepared(tmp_path / "out", images, PLAIN)) == 0, "it still is away"
    (tmp_path / "away.png").rename(images / "1.png")
    again = prepared(tmp_path / "out", images, PLAIN)
    assert compute(again) == 1
    running.finish(again)
    rows = [[{**row, "seconds": 0} for row in results(tmp_path / name)] for name in ("whole", "out")]
    assert rows[0] == rows[1]
    assert np.array_equal(maps(whole), maps(again), equal_nan=True)


def test_parts_of_a_batch_are_each_done_by_one_job(tmp_path: Path, images: Path) -> None:
    whole, parts = (prepared(tmp_path / name, images, PLAIN, CAM, shard=4) for name in ("whole", "parts"))
    compute(whole)
    running.finish(whole)
    assert compute(parts, (1, 3)) == 2
    assert compute(parts, (3, 3)) == 1
    assert running.finish(parts) is None
    assert not (parts.folder / "results.parquet").exists()
    assert compute(parts, (2, 3)) == 1
    assert running.finish(parts) is not None
    for asked in range(2):
        assert np.array_equal(maps(whole, asked), maps(parts, asked), equal_nan=True)
    rows = [[{**row, "seconds": 0} for row in results(batch.folder)] for batch in (whole, parts)]
    assert rows[0] == rows[1]


def test_another_model_or_question_in_the_same_folder_is_refused(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute(prepared(tmp_path / "out", images, PLAIN))
    with pytest.raises(QuestionError, match="another question than this one"):
        prepared(tmp_path / "out", images, CAM)
    with pytest.raises(QuestionError, match="another model"):
        prepared(tmp_path / "out", images, replace(PLAIN, model="preset/shapes-resnet"))
    changed = Answerer("cpu", remember=False)
    with torch.no_grad():
        next(iter(changed.model(CNN).module.parameters()))[0] += 1e-3
    monkeypatch.setattr(running, "Answerer", lambda *_, **__: changed)
    with pytest.raises(QuestionError, match="has other weights than when the folder was begun"):
        prepared(tmp_path / "out", images, PLAIN)


def test_a_shard_has_room_and_there_are_many() -> None:
    assert setup.shard_size(5, 10_000) == 4
    assert setup.shard_size(1_000, 600_000) == 28
    assert setup.shard_size(50_000, 600_000) == 128
    assert setup.shard_size(50_000, 100_000_000) == 2


def test_the_shards_of_each_question_cover_every_position_once(tmp_path: Path, images: Path) -> None:
    batch = prepared(tmp_path / "out", images, PLAIN, CAM, shard=3)
    for asked in range(2):
        covered = [
            n
            for one in shards.shards(batch.setup, batch.plan)
            if one.asked == asked
            for n in range(one.first, one.last)
        ]
        assert covered == list(range(batch.plan.positions)) == list(range(8))


# --------------------------------------------------------------------------------------------------------- the command


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["batch", str(images), "--out", str(out), "--model", CNN, "--dry-run", "--json", "--workers", "2"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["images"], said["maps"], said["unreadable"]) == (9, 8, 0)
    assert said["bytes"] >= 8 * 3 * 96 * 96 * 4
    assert 0 < said["hours"] < 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (f"none --out out --model {CNN}", 1, "There is no file or folder 'none'"),
        ("images --out out --model preset/none", 1, "There is no preset 'none'"),
        (f"images --out out --model {CNN} --at features.99", 1, "features.99"),
        (f"images --out out --model {CNN} --shard 3/2", 2, "'3/2' is no part"),
        (f"images --out out --model {CNN} --questions q.json --score 3", 2, "--questions says all of them"),
        (f"images --out out --model {CNN} --questions q.json", 1, "of the kind 'flow'"),
        ("images --out out", 1, "No model is named"),
        (f"broken.txt --out out --model {CNN}", 1, "None of the first images can be read"),
    ],
)
def test_what_is_refused_is_one_sentence(
    words: str,
    status: int,
    sentence: str,
    tmp_path: Path,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("q.json").write_text('[{"kind": "flow"}]')
    Path("broken.txt").write_text("images/5 broken.png\n")
    assert main(["batch", *words.split()]) == status
    said = capsys.readouterr().err
    assert sentence in said
    assert status == 2 or len(said.splitlines()) == 1
    assert not Path("out").exists()


def test_without_the_extra_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gradviz_core.batch.tables.NEEDED", ("pyarrow", "no_such_package"))
    assert main(["batch", "images", "--out", "out", "--model", CNN]) == 1
    said = capsys.readouterr().err
    assert "needs no_such_package" in said
    assert 'pip install "gradviz_core[batch]"' in said
