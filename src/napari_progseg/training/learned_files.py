"""What was learned of a structure, in a folder of the project; one that another starter learned is not read."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict
from pathlib import Path

from torch import Tensor, nn

from ..storage.checkpoint import Checkpoint, DamagedCheckpoint, load_checkpoint, save_checkpoint
from .accepted import AcceptedStructure
from .learned import Comparison, Learned


def folder_of(project: Path, value: int) -> Path:
    """Return the folder for the structure with a label value."""
    return project / "learned" / f"structure-{value:05d}"


def write_learned(folder: Path, learned: Learned, starter: nn.Module) -> None:
    """Write weights and windows, as `storage.checkpoint` does.

    Parameters
    ----------
    starter : nn.Module
        The network that was the beginning.

    Raises
    ------
    CannotWriteError
        If the disk is full or refuses; what was there before is untouched.
    """
    windows: dict[str, Tensor] = {}
    for number, each in enumerate(learned.patients):
        windows |= {f"images-{number}": each.images, f"targets-{number}": each.targets}
    state = {
        "starter": fingerprint(starter),
        "patients": [{"patient": each.patient, "longest_mm": each.longest_mm} for each in learned.patients],
        "comparisons": [asdict(each) for each in learned.comparisons],
    }
    save_checkpoint(folder, {"model": learned.network.state_dict(), "windows": windows}, state)


def read_learned(folder: Path, starter: nn.Module) -> Learned | None:
    """Read what was learned; None where there is nothing, it is damaged, or this starter was not its beginning."""
    try:
        found = load_checkpoint(folder)
        return _decoded(found, starter) if found.state["starter"] == fingerprint(starter) else None
    except (DamagedCheckpoint, KeyError, TypeError, RuntimeError):
        return None


def fingerprint(network: nn.Module) -> str:
    """Return the SHA-256 of all weights of a network."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _decoded(found: Checkpoint, starter: nn.Module) -> Learned:
    network = copy.deepcopy(starter)
    network.load_state_dict(found.tensors["model"])
    patients = [_patient(found.tensors["windows"], n, **each) for n, each in enumerate(found.state["patients"])]
    comparisons = [Comparison(**each) for each in found.state["comparisons"]]
    return Learned(tuple(patients), network.eval(), tuple(comparisons))


def _patient(windows: dict[str, Tensor], number: int, patient: str, longest_mm: float) -> AcceptedStructure:
    return AcceptedStructure(patient, windows[f"images-{number}"], windows[f"targets-{number}"], longest_mm)
