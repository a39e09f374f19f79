from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_progseg.storage.atomic import CannotWriteError
from napari_progseg.storage.cache import VolumeCache, source_key


class Builder:
    """Counts how often it builds."""

    def __init__(self, size: int = 50_000) -> None:
        self.calls = 0
        self.size = size

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        image = np.arange(self.size, dtype=np.float32).reshape(2, -1).T
        return {"image": image, "labels": np.ones((3, 4), np.uint8), "empty": np.zeros((0, 3), np.int64)}


def assert_whole(arrays: dict[str, Any]) -> None:
    for name, wanted in Builder()().items():
        np.testing.assert_array_equal(arrays[name], wanted)
        assert arrays[name].dtype == wanted.dtype


def test_arrays_are_built_once_and_mapped(tmp_path: Path) -> None:
    build = Builder()
    cache = VolumeCache(tmp_path / "cache")
    assert_whole(cache.get("case", build))
    arrays = VolumeCache(tmp_path / "cache").get("case", build)
    assert_whole(arrays)
    assert build.calls == 1
    assert isinstance(arrays["image"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        arrays["image"][0] = 1


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    build = Builder()
    cache = VolumeCache(tmp_path)
    cache.get("a", build)
    cache.get("b", build)
    assert build.calls == 2


@pytest.mark.parametrize("name", ["image.npy", "labels.npy", "entry.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "grow"])
def test_a_damaged_entry_is_built_again(tmp_path: Path, name: str, damage: str) -> None:
    build = Builder()
    cache = VolumeCache(tmp_path)
    mapped = cache.get("case", build)
    file = next(tmp_path.glob(f"*/{name}"))
    data = file.read_bytes()
    changed = {"flip": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], "truncate": data[:-4], "grow": data + b"x"}
    if damage == "remove":
        file.unlink()
    else:
        # a new file under the old name: the mapped one must not change below its reader
        file.unlink()
        file.write_bytes(changed[damage])
    assert_whole(cache.get("case", build))
    assert_whole(mapped)
    assert build.calls == 2
    assert len(list(tmp_path.glob("*/"))) == 1


def test_a_large_array_is_checked_by_samples(tmp_path: Path) -> None:
    build = Builder(3_000_000)
    cache = VolumeCache(tmp_path)
    cache.get("case", build)
    file = next(tmp_path.glob("*/image.npy"))
    with file.open("r+b") as stream:
        stream.seek(-65_536, os.SEEK_END)
        stream.write(b"\xff" * 65_536)
    cache.get("case", build)
    assert build.calls == 2


def test_the_folder_may_be_deleted_at_any_time(tmp_path: Path) -> None:
    build = Builder()
    cache = VolumeCache(tmp_path / "cache")
    arrays = cache.get("case", build)
    cache.clear()
    assert_whole(arrays)
    assert_whole(cache.get("case", build))
    assert build.calls == 2


def test_threads_that_ask_together_build_once(tmp_path: Path) -> None:
    build = Builder()
    threads = [threading.Thread(target=VolumeCache(tmp_path).get, args=("case", build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert build.calls == 1


def test_every_failing_call_leaves_a_usable_cache(tmp_path: Path, fail_at_each_call: Any) -> None:
    build = Builder()

    def check(succeeded: bool) -> None:
        assert_whole(VolumeCache(tmp_path).get("other", build))

    fail_at_each_call(
        VolumeCache(tmp_path).clear, lambda: VolumeCache(tmp_path).get("case", build), check, CannotWriteError
    )
    assert_whole(VolumeCache(tmp_path).get("case", build))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        VolumeCache(tmp_path).get("case", lambda: {"image": np.array([object()])})


def test_a_changed_source_has_a_new_key(tmp_path: Path) -> None:
    series = tmp_path / "series"
    series.mkdir()
    (series / "1").write_bytes(b"a")
    before = source_key(series), source_key(series / "1")
    (series / "1").write_bytes(b"ab")
    assert before[0] != source_key(series)
    assert before[1] != source_key(series / "1")
