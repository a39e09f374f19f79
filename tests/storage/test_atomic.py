from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_progseg.errors import UserError
from napari_progseg.storage import atomic


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def test_a_written_file_reads_back_and_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.json"
    atomic.write_json(path, {"name": "Hüfte", "value": [1, None]})
    assert atomic.read_json(path) == {"name": "Hüfte", "value": [1, None]}
    assert names(path.parent) == {"b.json"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=())),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_any_json_document_survives(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        atomic.write_json(Path(folder, "x.json"), document, durable=False)
        assert atomic.read_json(Path(folder, "x.json")) == document


def test_every_failing_call_leaves_the_old_or_the_new_file(tmp_path: Path, fail_at_each_call: Any) -> None:
    path = tmp_path / "file.txt"

    def prepare() -> None:
        path.write_text("old", encoding="utf-8")

    def check(succeeded: bool) -> None:
        assert path.read_text(encoding="utf-8") == "new" if succeeded else path.read_text(encoding="utf-8") == "old"
        assert names(tmp_path) == {"file.txt"}

    assert fail_at_each_call(prepare, lambda: atomic.write_text(path, "new"), check, atomic.CannotWriteError) >= 5


def test_every_kill_leaves_the_old_or_the_new_file(tmp_path: Path, kill_at_each_call: Any) -> None:
    path = tmp_path / "file.txt"
    prepare = (
        "from pathlib import Path; from napari_progseg.storage import atomic; path = Path(sys.argv[2], 'file.txt')\n"
        "path.write_text('old', encoding='utf-8')"
    )

    def check() -> None:
        assert path.read_text(encoding="utf-8") in ("old", "new")

    assert kill_at_each_call(prepare, "atomic.write_text(path, 'new')", tmp_path, check) >= 5
    assert path.read_text(encoding="utf-8") == "new"


def test_another_library_writes_under_a_name_with_the_same_suffix(tmp_path: Path) -> None:
    path = tmp_path / ("long-" * 30 + ".nii.gz")
    with atomic.writing(path) as temp:
        assert temp.parent == tmp_path
        assert temp.name.endswith(".nii.gz")
        temp.write_bytes(b"volume")
        assert not path.exists()
    assert path.read_bytes() == b"volume"
    assert names(tmp_path) == {path.name}


def test_an_error_inside_the_block_removes_the_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "mask.nii.gz"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic.writing(path) as temp:
            temp.write_bytes(b"half")
            raise RuntimeError("encoder")

    with pytest.raises(RuntimeError, match="encoder"):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == {"mask.nii.gz"}


def test_failing_calls_while_another_library_writes_leave_old_or_new(tmp_path: Path, fail_at_each_call: Any) -> None:
    path = tmp_path / "mask.nii.gz"
    path.write_bytes(b"old")

    def operation() -> None:
        with atomic.writing(path) as temp:
            temp.write_bytes(b"new")

    def check(succeeded: bool) -> None:
        assert path.read_bytes() == (b"new" if succeeded else b"old")
        assert names(tmp_path) == {"mask.nii.gz"}

    fail_at_each_call(lambda: path.write_bytes(b"old"), operation, check, atomic.CannotWriteError)


def test_a_folder_appears_as_a_whole_or_not_at_all(tmp_path: Path, fail_at_each_call: Any) -> None:
    path = tmp_path / "folder"

    def operation() -> None:
        with atomic.writing_folder(path) as temp:
            atomic.write_new(temp / "one", b"new")
            atomic.write_new(temp / "two", b"new")

    def check(succeeded: bool) -> None:
        assert {(path / name).read_bytes() for name in ("one", "two")} == {b"new" if succeeded else b"old"}
        # the sweep of the old folder may be what fails
        assert names(tmp_path) - {"folder.old"} == {"folder"}

    def prepare() -> None:
        path.mkdir(exist_ok=True)
        (path / "one").write_bytes(b"old")
        (path / "two").write_bytes(b"old")

    fail_at_each_call(prepare, operation, check, atomic.CannotWriteError)


def test_mode_bits_of_an_existing_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "shared.json"
    path.write_text("{}", encoding="utf-8")
    path.chmod(0o664)
    before = os.umask(0o027)
    try:
        atomic.write_json(path, {"new": 1})
        atomic.write_json(tmp_path / "fresh.json", {})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "fresh.json").stat().st_mode) == 0o640


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "imported.nii.gz"
    target.write_bytes(b"imported")
    link = tmp_path / "label.nii.gz"
    link.symlink_to(target)
    atomic.write_bytes(link, b"edited")
    assert target.read_bytes() == b"imported"
    assert link.read_bytes() == b"edited"


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3 * 2**20))
    with pytest.raises(UserError, match="Disk full"):
        atomic.write_bytes(tmp_path / "x", b"data")
    assert names(tmp_path) == set()
    atomic.write_bytes(tmp_path / "alive.json", b"{}", durable=False)


def test_a_windows_reader_that_holds_the_file_gets_time_to_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.replace, []

    def held(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) < 4:
            raise PermissionError(errno.EACCES, "held")
        real(source, target)

    monkeypatch.setattr(os, "replace", held)
    atomic.write_text(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "new"
    calls[:] = []
    monkeypatch.setattr(atomic.time, "sleep", lambda _: calls.clear())
    with pytest.raises(atomic.CannotWriteError, match="unchanged"):
        atomic.write_text(tmp_path / "x", "newer")
    assert (tmp_path / "x").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"nope"])
def test_what_is_not_json_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(atomic.DamagedFileError, match=r"x\.json"):
        atomic.read_json(tmp_path / "x.json")


def test_a_huge_json_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(atomic.MOST_JSON_BYTES + 1)
    with pytest.raises(atomic.DamagedFileError, match="too large"):
        atomic.read_json(tmp_path / "x.json")


def test_only_old_temporary_files_are_swept(tmp_path: Path) -> None:
    old, young, foreign = (tmp_path / name for name in (".tmp-1-0-x", ".tmp-2-0-y", ".tmp-notours"))
    for entry in (old, young, foreign):
        entry.write_bytes(b"")
    os.utime(old, (0, 0))
    os.utime(foreign, (0, 0))
    atomic.remove_stale(tmp_path)
    assert names(tmp_path) == {".tmp-2-0-y", ".tmp-notours"}
