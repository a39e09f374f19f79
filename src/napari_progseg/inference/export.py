"""What leaves a project: labels, predictions and the model of a run, in a new folder that other programs can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import io
from ..errors import UserError
from ..predictions import Predictions
from ..project import Project
from ..storage.atomic import CannotWriteError, read_json, write_bytes, write_json
from ..volume import LabelMap

if TYPE_CHECKING:
    from ..storage.checkpoint import Checkpoint

DOCUMENT = "labels.json"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written of a case, or of a run; `fault` says why nothing was."""

    name: str
    files: tuple[Path, ...] = ()
    fault: str | None = None


def export_project(
    project: Project,
    out: Path,
    *,
    cases: Sequence[str] | None = None,
    predictions: bool = False,
    run: Path | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Exported]:
    """Write labels (and predictions) as NIfTI on each image's own grid, ``labels.json``, and the model of a run.

    Labels have one value a class, also where several mean it in the project. A case that cannot be read stops no other.

    Parameters
    ----------
    out : Path
        A folder that does not exist yet or is empty; it gets ``labels/``, ``predictions/``, ``models/``.
    cases : sequence of str or None
        Which cases; None takes all that have labels (or predictions).
    run : Path or None
        Run whose best model is written, as a run folder without its optimiser: ``progseg predict`` takes it.
    cancelled : callable or None
        Asked between cases; what was written until then is kept and named in ``labels.json``.

    Raises
    ------
    UserError
        If the folder holds anything, a case is unknown, the run has no model, or the disk refuses.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} holds files already; nothing was written; choose a new or empty folder")
    chosen = [case.id for case in project.cases] if cases is None else [project.case(each).id for each in cases]
    checkpoint = None if run is None else _checkpoint(run)
    entries: dict[str, Any] = {}
    for case_id in chosen:
        if cancelled is not None and cancelled():
            break
        exported, entry = _case(project, out, case_id, predictions=predictions)
        if exported is not None:
            entries[case_id] = entry
            yield exported
    write_json(out / DOCUMENT, _document(project, entries))
    if run is not None and checkpoint is not None:
        yield Exported(run.name, (_write_model(run, checkpoint, out / "models" / run.name),))


def _case(project: Project, out: Path, case_id: str, *, predictions: bool) -> tuple[Exported | None, dict[str, Any]]:
    """Write the files of a case; None where it has nothing to write."""
    entry: dict[str, Any] = {"state": str(project.case(case_id).state)}
    files = []
    try:
        for kind, label_map in _maps(project, case_id, entry, predictions=predictions):
            target = out / kind / f"{case_id}.nii.gz"
            io.write_labels(target, label_map)
            entry[kind] = target.relative_to(out).as_posix()
            files.append(target)
    except CannotWriteError:
        raise
    except UserError as error:
        return Exported(case_id, tuple(files), str(error)), entry | {"fault": str(error)}
    return (Exported(case_id, tuple(files)) if files else None), entry


def _maps(
    project: Project, case_id: str, entry: dict[str, Any], *, predictions: bool
) -> Iterator[tuple[str, LabelMap]]:
    if (labels := project.labels(case_id)) is not None:
        yield "labels", labels
    stored = Predictions(project)
    if predictions and (record := stored.get(case_id)) is not None:
        predicted = stored.read(case_id, project.volume(case_id).geometry)
        if predicted is not None:
            entry["predicted_by"] = record.model_dump(include={"run", "step", "model_sha256", "unsure", "time"})
            yield "predictions", predicted


def _document(project: Project, entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "project": project.root.name,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "background": 0,
        "classes": [{"name": each.name, "value": each.value} for each in project.classes],
        "cases": entries,
    }


def _checkpoint(run: Path) -> Checkpoint:
    from .model import best_checkpoint

    return best_checkpoint(run)


def _write_model(run: Path, checkpoint: Checkpoint, target: Path) -> Path:
    from ..storage.checkpoint import save_checkpoint
    from .shapes import MODEL

    name = checkpoint.folder.name.removesuffix(".old")
    save_checkpoint(target / "checkpoints" / name, {"average": checkpoint.tensors["average"]}, checkpoint.state)
    scores = {measure: checkpoint.state[measure] for measure in ("dice", "mm") if measure in checkpoint.state}
    write_json(target / "checkpoints" / "best.json", {"checkpoint": name, **scores})
    if (run / MODEL).exists():
        write_bytes(target / MODEL, (run / MODEL).read_bytes())
    # last, since it makes the folder a run
    write_json(target / "config.json", read_json(run / "config.json"))
    return target
