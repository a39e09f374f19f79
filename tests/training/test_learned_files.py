"""What was learned, in a folder and back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_progseg.training.learned import Learned, finish, learn_case
from napari_progseg.training.learned_files import fingerprint, folder_of, read_learned, write_learned

from .accepting import BALL, QUICK, compare_nothing, learn_in_small_windows, patient, small_starter

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    learn_in_small_windows(monkeypatch)
    compare_nothing(monkeypatch)


@pytest.fixture
def known() -> Learned:
    return finish(learn_case(small_starter(), None, patient("a"), BALL, QUICK))


def test_what_was_written_is_read(known: Learned, tmp_path: Path) -> None:
    starter, folder = small_starter().network, folder_of(tmp_path, 3)
    write_learned(folder, known, starter)
    found = read_learned(folder, starter)
    assert found is not None
    assert found.comparisons == known.comparisons
    (own,), (read,) = known.patients, found.patients
    assert (read.patient, read.longest_mm) == (own.patient, own.longest_mm)
    assert torch.equal(read.images, own.images)
    assert torch.equal(read.targets, own.targets)
    expected = known.network.state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in found.network.state_dict().items())
    assert not found.network.training


def test_what_another_starter_learned_is_not_read(known: Learned, tmp_path: Path) -> None:
    write_learned(tmp_path / "s-1", known, small_starter().network)
    assert read_learned(tmp_path / "s-1", small_starter(seed=1).network) is None


def test_where_nothing_was_learned_or_a_file_is_damaged_nothing_is_read(known: Learned, tmp_path: Path) -> None:
    starter = small_starter().network
    assert read_learned(tmp_path / "s-1", starter) is None
    write_learned(tmp_path / "s-1", known, starter)
    (tmp_path / "s-1" / "model.safetensors").write_bytes(b"spoiled")
    assert read_learned(tmp_path / "s-1", starter) is None


def test_weights_have_their_own_fingerprint() -> None:
    assert fingerprint(small_starter().network) == fingerprint(small_starter().network)
    assert fingerprint(small_starter().network) != fingerprint(small_starter(seed=1).network)
