"""One patient of a project, with absolute paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .enrolment import started
from .errors import UserError
from .manifest import CaseRecord, CaseState, full_path
from .matching import Scan
from .volume import Modality


@dataclass(frozen=True)
class Case:
    """One patient.

    Parameters
    ----------
    id : str
        Name of the case; a harmless file name, for DICOM a hash and never a patient's name.
    image : Path
        Absolute path of the image file, or of the folder of its DICOM series; never written to.
    series : str or None
        SeriesInstanceUID where that folder holds several series.
    label : Path or None
        Absolute path of the project's own label file, or else of the imported one.
    state : CaseState
        Only completed cases are trained on.
    modality : {"ct", "mr"} or None
        As the file or the user says; None where nobody does.
    note : str or None
        Why the case is flagged.
    """

    id: str
    image: Path
    series: str | None = None
    label: Path | None = None
    state: CaseState = CaseState.NOT_STARTED
    modality: Modality | None = None
    note: str | None = None


def case_of(root: Path, record: CaseRecord) -> Case:
    """Resolve the paths of a record against the project's folder."""
    own = own_label(root, record.id)
    imported = None if record.label is None else full_path(root, record.label)
    # the file itself tells whether labels were edited: it may have been written just before a crash
    edited = own.exists()
    state = started(record).state if edited else record.state
    image, label = full_path(root, record.image), own if edited else imported
    return Case(record.id, image, record.series, label, state, record.modality, record.note)


def is_known(scan: Scan, cases: Iterable[Case]) -> bool:
    """Tell whether a scan is one of the cases; raises UserError where it only has the name of one."""
    known = next((case for case in cases if case.id.casefold() == scan.id.casefold()), None)
    if known is None:
        return False
    if (known.image, known.series) != (scan.image, scan.series):
        raise UserError(
            f"{scan.image} has the name of case {known.id}, which is {known.image}; nothing was added; rename it"
        )
    return True


def own_label(root: Path, case_id: str) -> Path:
    """Return where the project keeps its own labels of a case, whether they exist or not."""
    return root / "labels" / f"{case_id}.nii.gz"
