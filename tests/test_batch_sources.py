"""Which images a batch is about, and the position of each."""

from __future__ import annotations

import csv
import io
import os
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gradviz_core.batch import plan as plans
from gradviz_core.batch import sources
from gradviz_core.batch.plan import Plan
from gradviz_core.errors import BadImage, QuestionError
from gradviz_core.models import catalogue
from gradviz_core.settings import settings

STAR = catalogue.image_file(catalogue.sample_image("star")).read_bytes()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three images, one of which is the same as the first, and other files."""
    folder = tmp_path / "pictures"
    (folder / "deep" / ".cache").mkdir(parents=True)
    (folder / "b.png").write_bytes(STAR)
    (folder / "deep" / "ça ✶.PNG").write_bytes(STAR + b" ")
    (folder / "deep" / "same.png").write_bytes(STAR)
    (folder / "deep" / ".cache" / "hidden.png").write_bytes(STAR)
    (folder / "notes.md").write_text("no image")
    return folder


def test_a_folder_is_walked_in_order_and_hidden_files_are_left_out(pictures: Path) -> None:
    found = [one.name for one in sources.find([str(pictures)])]
    assert found == [f"{pictures.as_posix()}/{name}" for name in ("b.png", "deep/same.png", "deep/ça ✶.PNG")]


def test_lists_and_tables_name_files_beside_them_with_labels(pictures: Path) -> None:
    (pictures / "list.txt").write_text("b.png\n\n  deep/ça ✶.PNG  \n", encoding="utf-8")
    with (pictures / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "image", "id"), ("star", "deep/ça ✶.PNG", "7"), ("", "b.png", "")])
    table = pa.table({"image": ["b.png", "deep/ça ✶.PNG"], "label": [3, None]})
    pq.write_table(table, pictures / "table.parquet")
    listed, in_csv, in_parquet = (
        sources.find([str(pictures / name)]) for name in ("list.txt", "table.csv", "table.parquet")
    )
    assert [one.name for one in listed] == ["b.png", "deep/ça ✶.PNG"]
    assert [(one.name, one.label, one.id) for one in in_csv] == [("deep/ça ✶.PNG", "star", "7"), ("b.png", "", "")]
    assert [(one.name, one.label) for one in in_parquet] == [("b.png", "3"), ("deep/ça ✶.PNG", "")]
    assert sources.read(listed[1]) == sources.read(in_csv[0]) == sources.read(in_parquet[1]) == STAR + b" "


def test_a_webdataset_is_read_in_place_with_its_classes(tmp_path: Path) -> None:
    file = tmp_path / "shard-000.tar"
    members = {"a/1.png": STAR, "a/1.cls": b"4\n", "a/2.seg.png": STAR + b"2", "a/2.cls": b"9", "a/2.json": b"{}"}
    with tarfile.open(file, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("a/3.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    found = sources.find([str(file)])
    assert [(one.name, one.label, one.id) for one in found] == [
        (f"{file.as_posix()}/a/1.png", "4", "a/1"),
        (f"{file.as_posix()}/a/2.seg.png", "9", "a/2"),
    ]
    assert [sources.read(one) for one in found] == [STAR, STAR + b"2"]


def two_lists(folder: Path) -> list[str]:
    """Tables that each name a 1.png of their own, and twice."""
    for name, data in (("train", STAR), ("val", STAR + b"val")):
        (folder / name).mkdir()
        (folder / name / "1.png").write_bytes(data)
        (folder / name / "list.csv").write_text(f"image,label,id\n1.png,{name},a\n1.png,other,b\n1.png,other,b\n")
    return [str(folder / name / "list.csv") for name in ("train", "val")]


def test_images_of_one_name_in_two_lists_are_all_kept(tmp_path: Path) -> None:
    train, val = two_lists(tmp_path)
    rows = [("train", "a"), ("other", "b"), ("val", "a"), ("other", "b")]
    assert [(one.label, one.id) for one in sources.find([train, val])] == rows
    together = plans.grown(Plan(), sources.find([train, val]), 4)
    assert [one.position for one in together.images] == [0, 0, 1, 1]
    names = [one.found.name for one in together.images]
    assert names == [str(tmp_path / name / "1.png") for name in ("train", "train", "val", "val")]
    first = plans.grown(Plan(), sources.find([train]), 4)
    assert [one.found.name for one in first.images] == ["1.png", "1.png"]
    later = plans.grown(first, sources.find([val]), 4)
    assert [one.found for one in later.images] == [one.found for one in together.images]
    assert [one.position for one in later.images] == [0, 0, 4, 4]
    assert plans.grown(later, sources.find([train]), 4) == later


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("none", None, "There is no file or folder"),
        ("list.doc", b"x", "is no list of images"),
        ("table.csv", b"picture\na.png\n", "has no image in row 1"),
        ("table.parquet", b"PAR1", "cannot be read"),
        ("a.tar", b"no archive", "cannot be read"),
        ("list.txt", b"\xff\xfe\xff", "cannot be read"),
        ("list.txt", b"\n", "No images were found"),
    ],
)
def test_what_is_no_list_of_images_is_refused_by_name(
    name: str, data: bytes | None, sentence: str, tmp_path: Path
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(QuestionError, match=sentence):
        sources.find([str(tmp_path / name)])


def test_a_file_over_the_limit_is_an_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.png").write_bytes(b"x" * 1001)
    monkeypatch.setenv("GRADVIZ_UPLOAD_MB", "0.001")
    settings.cache_clear()
    try:
        with pytest.raises(BadImage, match=r"more than 0\.001 MB"):
            sources.read(sources.find([str(tmp_path)])[0])
    finally:
        monkeypatch.undo()
        settings.cache_clear()


# ----------------------------------------------------------------------------------------------------------- positions


def grown(plan: Plan, folder: Path, shard: int = 1) -> Plan:
    return plans.grown(plan, sources.find([str(folder)]), shard)


def positions(plan: Plan) -> dict[str, int]:
    return {Path(one.found.name).name: one.position for one in plan.images}


def test_the_same_bytes_have_one_position_and_later_images_come_after(pictures: Path, tmp_path: Path) -> None:
    first = grown(Plan(), pictures)
    assert positions(first) == {"b.png": 0, "same.png": 0, "ça ✶.PNG": 1}
    plans.save(tmp_path, first)
    assert plans.load(tmp_path) == first
    (pictures / "a.png").write_bytes(STAR + b"new")
    (pictures / "missing.png").symlink_to(tmp_path / "nowhere")
    second = grown(plans.load(tmp_path), pictures)
    assert positions(second) == {"b.png": 0, "same.png": 0, "ça ✶.PNG": 1, "a.png": 2}
    assert grown(second, pictures) == second


def test_a_file_that_changed_gets_a_position_of_its_own_and_none_is_given_twice(pictures: Path, tmp_path: Path) -> None:
    plan = grown(Plan(), pictures)
    changed = pictures / "deep" / "ça ✶.PNG"
    changed.write_bytes(STAR + b"!!")
    os.utime(changed, ns=(0, 0))
    plan = grown(plan, pictures)
    assert positions(plan) == {"b.png": 0, "same.png": 0, "ça ✶.PNG": 2}
    plans.save(tmp_path, plan)
    (pictures / "new.png").write_bytes(STAR + b"new")
    assert positions(grown(plans.load(tmp_path), pictures))["new.png"] == 3


def test_images_that_come_later_begin_a_shard_of_their_own(pictures: Path, tmp_path: Path) -> None:
    plan = grown(Plan(), pictures)
    (pictures / "new.png").write_bytes(STAR + b"new")
    plan = grown(plan, pictures, 4)
    assert positions(plan) == {"b.png": 0, "same.png": 0, "ça ✶.PNG": 1, "new.png": 4}
    assert (plan.ranges, plan.positions, plan.end) == (((0, 2), (4, 5)), 3, 5)
    plans.save(tmp_path, plan)
    assert plans.load(tmp_path) == plan


def test_a_file_that_is_away_keeps_its_position(pictures: Path) -> None:
    plan = grown(Plan(), pictures)
    named = sources.find([str(pictures)])
    (pictures / "b.png").rename(pictures / "away")
    without = plans.grown(plan, named, 4)
    assert positions(without) == positions(plan)
    assert Path(without.at_positions()[0].found.file).name == "same.png", "of the same bytes, and there"
    (pictures / "away").rename(pictures / "b.png")
    assert plans.grown(without, named, 4) == plan


def test_a_list_may_name_what_is_not_there(pictures: Path) -> None:
    (pictures / "list.txt").write_text("gone.png\nb.png\n")
    plan = plans.grown(Plan(), sources.find([str(pictures / "list.txt")]), 1)
    assert positions(plan) == {"gone.png": -1, "b.png": 0}
    assert "cannot be read" in plan.images[0].error
