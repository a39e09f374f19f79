from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_progseg.storage.atomic import CannotWriteError
from napari_progseg.storage.checkpoint import (
    DamagedCheckpoint,
    list_checkpoints,
    load_checkpoint,
    newest_intact,
    prune,
    save_checkpoint,
)


def tensors(value: float = 1.0) -> dict[str, dict[str, torch.Tensor]]:
    shared = torch.full((3,), value)
    return {
        "model": {
            "weight": torch.full((2, 4, 3, 3), value).to(memory_format=torch.channels_last),
            "transposed": torch.arange(6.0).reshape(2, 3).T,
            "tied": shared,
            "tied_too": shared,
            "slice": shared[1:],
            "empty": torch.zeros(0, 3),
            "half": torch.ones(2, dtype=torch.bfloat16),
        },
        "optimizer": {"0.step": torch.tensor(7)},
    }


def save(folder: Path, step: int) -> Path:
    path = folder / f"step-{step:06d}"
    save_checkpoint(path, tensors(step), {"step": step})
    return path


def flip(path: Path, position: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_a_checkpoint_reads_back_bit_for_bit(tmp_path: Path) -> None:
    state = {"step": 3, "rng": [1, 2**63], "best": None, "loss": 0.1}
    save_checkpoint(tmp_path / "step-000003", tensors(), state)
    loaded = load_checkpoint(tmp_path / "step-000003")
    assert loaded.state == state
    assert loaded.tensors.keys() == {"model", "optimizer"}
    for group, wanted in tensors().items():
        for name, tensor in wanted.items():
            assert loaded.tensors[group][name].dtype == tensor.dtype
            assert torch.equal(loaded.tensors[group][name], tensor)
    assert {entry.name for entry in tmp_path.iterdir()} == {"step-000003"}


def test_one_group_can_be_loaded_alone_and_a_missing_one_is_named(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    (path / "optimizer.safetensors").unlink()
    assert load_checkpoint(path, ("model",)).tensors.keys() == {"model"}
    with pytest.raises(DamagedCheckpoint, match="no average"):
        load_checkpoint(path, ("average",))


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", [flip, Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-3])])
def test_a_damaged_checkpoint_is_refused_and_an_older_one_used(tmp_path: Path, name: str, damage: Any) -> None:
    save(tmp_path, 9)
    newer = save(tmp_path, 10)
    damage(newer / name)
    with pytest.raises(DamagedCheckpoint, match="step-000010"):
        load_checkpoint(newer)
    found = newest_intact(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.state == {"step": 9}
    assert len(found.damaged) == 1
    assert "step-000010" in found.damaged[0]


def test_without_an_intact_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert newest_intact(tmp_path / "missing") == (None, ())
    (save(tmp_path, 1) / "manifest.json").unlink()
    assert newest_intact(tmp_path).checkpoint is None


def test_a_manifest_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["../../secret.safetensors"] = manifest["files"]["model.safetensors"]
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(DamagedCheckpoint):
        load_checkpoint(path)


def test_a_group_name_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="file names"):
        save_checkpoint(tmp_path / "step-1", {"../x": {}}, {})


def test_every_failing_call_leaves_a_complete_checkpoint(tmp_path: Path, fail_at_each_call: Any) -> None:
    def check(succeeded: bool) -> None:
        found = newest_intact(tmp_path)
        assert found.damaged == ()
        assert found.checkpoint is not None
        assert found.checkpoint.state == {"new" if succeeded else "step": 5}
        # the sweep of the former one may fail too; pruning makes up for it
        prune(tmp_path, keep=2)
        assert {entry.name for entry in tmp_path.iterdir()} == {"step-000005"}

    def operation() -> None:
        save_checkpoint(tmp_path / "step-000005", tensors(), {"new": 5})

    assert fail_at_each_call(lambda: save(tmp_path, 5), operation, check, CannotWriteError) > 20


def test_every_kill_leaves_a_complete_checkpoint(tmp_path: Path, kill_at_each_call: Any) -> None:
    save(tmp_path, 5)
    # the tensors are encoded beforehand: importing torch for every kill would take minutes
    prepare = (
        "import json, pickle\nfrom pathlib import Path\nfrom napari_progseg.storage import checkpoint as c\n"
        "c._encoded = lambda group: group"
    )
    operation = "c.save_checkpoint(Path(sys.argv[2], 'step-000005'), {'model': b'new'}, {'step': 5, 'new': True})"

    def check() -> None:
        intact = []
        for folder in list_checkpoints(tmp_path):
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            sizes = {name: (folder / name).stat().st_size for name in manifest["files"]}
            intact.append(sizes == {name: entry["bytes"] for name, entry in manifest["files"].items()})
        assert intact
        assert all(intact)

    assert kill_at_each_call(prepare, operation, tmp_path, check) > 8


def test_a_kill_between_the_two_renames_is_survived(tmp_path: Path) -> None:
    path = save(tmp_path, 5)
    path.rename(path.with_name(path.name + ".old"))
    found = newest_intact(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.state == {"step": 5}
    save(tmp_path, 5)
    assert [folder.name for folder in list_checkpoints(tmp_path)] == ["step-000005"]


def test_order_follows_the_step_not_the_clock(tmp_path: Path) -> None:
    for step in (20, 3, 1_000_000, 100):
        save(tmp_path, step)
    assert [int(folder.name[5:]) for folder in list_checkpoints(tmp_path)] == [3, 20, 100, 1_000_000]


def test_pruning_keeps_the_newest_and_the_protected(tmp_path: Path) -> None:
    for step in range(1, 7):
        save(tmp_path, step)
    prune(tmp_path, keep=2, protect={"step-000002"})
    assert [int(folder.name[5:]) for folder in list_checkpoints(tmp_path)] == [2, 5, 6]
    assert not list(tmp_path.glob(".tmp-*"))
    prune(tmp_path / "missing", keep=2)


def test_a_full_disk_is_refused_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1))
    with pytest.raises(CannotWriteError, match="Disk full"):
        save(tmp_path, 1)
    assert not list_checkpoints(tmp_path)


def test_a_small_model_is_saved_quickly(tmp_path: Path) -> None:
    group = {f"layer{i}": torch.randn(100_000) for i in range(20)}
    seconds = []
    for step in range(3):
        start = time.perf_counter()
        save_checkpoint(tmp_path / f"step-{step}", {"model": group, "average": group, "optimizer": group}, {})
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1.0


def test_the_module_does_not_import_torch() -> None:
    code = "import sys, napari_progseg.storage.checkpoint, napari_progseg.storage.cache; print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
