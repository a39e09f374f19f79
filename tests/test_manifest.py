from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_progseg import manifest
from napari_progseg.errors import UserError
from napari_progseg.manifest import CaseRecord, CaseState, ClassRecord, Manifest, SplitRecord

CASES = tuple(CaseRecord(id=f"case {i}", image=f"../images/{i}.nii.gz", state=CaseState.COMPLETED) for i in range(3))
DOCUMENT = Manifest(
    classes=(ClassRecord(name="bone", values=(1, 2)),), cases=CASES, split=SplitRecord(seed=4, train=("case 0",))
)


def test_a_saved_manifest_reads_back(tmp_path: Path) -> None:
    manifest.save(tmp_path, DOCUMENT)
    assert manifest.load(tmp_path) == manifest.Loaded(DOCUMENT)
    assert (tmp_path / manifest.NAME).read_bytes() == (tmp_path / manifest.BACKUP).read_bytes()


def test_a_manifest_cut_at_any_byte_is_read_from_its_backup_or_refused(tmp_path: Path) -> None:
    manifest.save(tmp_path, DOCUMENT)
    whole = (tmp_path / manifest.NAME).read_bytes()
    for cut in range(len(whole) - 1):
        (tmp_path / manifest.NAME).write_bytes(whole[:cut])
        loaded = manifest.load(tmp_path)
        assert loaded.manifest == DOCUMENT
        assert loaded.damaged
        assert "progseg.json.bak" in loaded.problems[0]
    (tmp_path / manifest.BACKUP).unlink()
    for cut in range(0, len(whole) - 1, 7):
        (tmp_path / manifest.NAME).write_bytes(whole[:cut])
        with pytest.raises(UserError, match="was not opened"):
            manifest.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"cases": []},
        {"classes": []},
        {"classes": [{"name": "a", "values": [0]}]},
        {"cases": [{"id": "../../x", "image": "a"}]},
        {"cases": [{"id": "a", "image": "a"}, {"id": "A", "image": "b"}]},
        {"split": {"train": ["nobody"]}},
        {"split": {"train": ["case 0"], "test": ["case 0"]}},
        {"unknown": 1},
        {"version": 0},
    ],
)
def test_a_hand_damaged_manifest_is_never_believed(tmp_path: Path, change: dict[str, Any]) -> None:
    manifest.save(tmp_path, DOCUMENT)
    damaged = json.dumps(DOCUMENT.model_dump(mode="json") | change)
    (tmp_path / manifest.NAME).write_text(damaged, encoding="utf-8")
    loaded = manifest.load(tmp_path)
    assert loaded.manifest == DOCUMENT
    manifest.save(tmp_path, loaded.manifest, keep_damaged=loaded.damaged)
    assert (tmp_path / manifest.DAMAGED).read_text(encoding="utf-8") == damaged
    assert manifest.load(tmp_path).problems == ()


def test_a_missing_manifest_is_read_from_its_backup(tmp_path: Path) -> None:
    manifest.save(tmp_path, DOCUMENT)
    (tmp_path / manifest.NAME).unlink()
    loaded = manifest.load(tmp_path)
    assert loaded.manifest == DOCUMENT
    assert "was missing" in loaded.problems[0]


def test_a_folder_without_a_manifest_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="progseg init"):
        manifest.load(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    manifest.save(tmp_path, DOCUMENT)
    (tmp_path / manifest.NAME).write_text(json.dumps({"version": 2}), encoding="utf-8")
    with pytest.raises(UserError, match="newer version"):
        manifest.load(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\x", "C:\\x", "\\\\host\\share", "a/b", "..", ".", "", ".hidden", "nul", "COM1.x",
     "a,b", "x" * 300, "-rf", "con" + " " * 200 + "x", "ä" * 90, "a\x00b", "a\nb", "\udcff", "名前"],
)  # fmt: skip
def test_any_name_becomes_a_harmless_file_name(name: str, tmp_path: Path) -> None:
    case = manifest.safe_id(name)
    file = tmp_path / f"{case}.nii.gz"
    file.write_bytes(b"")
    assert file.resolve().parent == tmp_path.resolve()
    assert manifest.safe_id(case) == case
    assert "," not in case


@given(st.text(st.characters(exclude_categories=())))
def test_a_safe_id_stays_as_it_is(name: str) -> None:
    case = manifest.safe_id(name)
    assert manifest.safe_id(case) == case
    assert not set(case) & set('/\\:*?"<>|,\0')
    assert 0 < len(case.encode("utf-8")) <= 100
    assert ".." not in case


def test_ordinary_names_are_kept() -> None:
    for name in ("hippocampus_001", "STS 042 (CT)", "Müller~1", "a.b-c#2"):
        assert manifest.safe_id(name) == name


def test_paths_are_relative_where_project_and_data_share_a_folder(tmp_path: Path) -> None:
    root, image = tmp_path / "project", tmp_path / "data" / "a b.nii.gz"
    assert manifest.stored_path(root, image) == "../data/a b.nii.gz"
    assert manifest.full_path(root, "../data/a b.nii.gz") == image
    far = Path("/somewhere/else.nii.gz")
    assert manifest.full_path(root, manifest.stored_path(Path("/projects/one"), far)) == far
    assert manifest.stored_path(Path("/projects/one"), far) == far.as_posix()


def test_a_second_writer_waits_and_then_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; from pathlib import Path; from napari_progseg import manifest\n"
        "with manifest.locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    monkeypatch.setattr(manifest, "_LOCK_SECONDS", 0.1)
    with pytest.raises(UserError, match="another program"), manifest.locked(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    # the lock of a process that died is free
    with manifest.locked(tmp_path):
        pass
