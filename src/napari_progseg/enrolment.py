"""What was found on disk becomes records of the manifest: new cases, moved cases, a grown split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .classes import derive_classes, make_classes
from .data.splits import Split, extend_split
from .errors import UserError
from .manifest import BACKUP, NAME, CaseRecord, CaseState, ClassRecord, Manifest, SplitRecord, stored_path
from .matching import WITHOUT_LABEL, Checked, Match, check_labels, find_scans, listed, match_labels, value_fault
from .volume import LabelClass

if TYPE_CHECKING:
    from .case import Case

Classes = Mapping[str, Sequence[int]]


def founded(
    root: Path,
    images: Path,
    labels: Path | None,
    classes: Classes | None,
    seed: int,
    progress: Callable[[float], None] | None,
) -> Manifest:
    """Make the manifest of a new project; see `Project.create`."""
    given = None if classes is None else make_classes(classes)
    matches, problems = matched(root, images, labels)
    checked = check_labels(matches, progress)
    if labels is not None:
        _refuse_useless(matches, checked, labels)
    chosen = _derived(checked) if given is None else given
    records = tuple(record(root, *pair, chosen) for pair in zip(matches, checked, strict=True))
    document = Manifest(
        classes=tuple(ClassRecord(name=each.name, values=each.values) for each in chosen),
        cases=records,
        split=SplitRecord(seed=seed),
        problems=(*problems, *_empty(matches, checked)),
    )
    return with_split(document)


def matched(root: Path, images: Path, labels: Path | None) -> tuple[list[Match], tuple[str, ...]]:
    """Find the scans of a folder and their label files, and say what stayed alone."""
    images = Path(images).resolve()
    if labels is None:
        scans, passed_over = find_scans(images, (), root)
        return [Match(scan) for scan in scans], passed_over
    labels = Path(labels).resolve()
    scans, passed_over = find_scans(images, (labels,), root)
    matches, alone = match_labels(scans, images, labels)
    return matches, passed_over + alone


def record(root: Path, match: Match, checked: Checked, classes: Sequence[LabelClass]) -> CaseRecord:
    """Write a matched scan as a record; a label with a fault flags the case."""
    note = checked.fault or value_fault(checked, classes)
    with_label = CaseState.COMPLETED if note is None else CaseState.FLAGGED
    return CaseRecord(
        id=match.scan.id,
        image=stored_path(root, match.scan.image),
        series=match.scan.series,
        label=None if match.label is None else stored_path(root, match.label),
        state=CaseState.NOT_STARTED if match.label is None else with_label,
        modality=match.scan.modality,
        note=note,
    )


def moved(root: Path, old: CaseRecord, match: Match | None) -> CaseRecord:
    """Point a record to where its image, and its imported label if that was found too, lie now."""
    if match is None:
        return old
    label = None if match.label is None or old.label is None else stored_path(root, match.label)
    image = stored_path(root, match.scan.image)
    return old.model_copy(update={"image": image, "series": match.scan.series, "label": label or old.label})


def started(old: CaseRecord) -> CaseRecord:
    """Set a case that was not started to in progress."""
    if old.state is not CaseState.NOT_STARTED:
        return old
    return old.model_copy(update={"state": CaseState.IN_PROGRESS})


def noticed(document: Manifest, cases: Mapping[str, Case]) -> tuple[str, ...]:
    """Return what was noticed when cases were taken in, as far as it still tells something.

    Whoever has labelled a case that came without a label file knows that some did.
    """
    begun = any(record.label is None and cases[record.id].label for record in document.cases)
    return tuple(each for each in document.problems if not (begun and each.startswith(WITHOUT_LABEL)))


def refuse_existing(root: Path) -> None:
    """Refuse a place for a new project where one is, or where label files would be taken for its own."""
    if any((root / name).exists() for name in (NAME, BACKUP)):
        raise UserError(f"{root} is a project already; it was not changed; open it or choose another folder")
    if any(root.glob("labels/*.nii.gz")):
        raise UserError(
            f"{root / 'labels'} holds files, and a project keeps its own labels there; nothing was written; "
            "rename that folder or choose another place for the project"
        )


def split_of(document: Manifest) -> Split:
    """Return the part of every case that was ever completed."""
    return Split(document.split.train, document.split.validation, document.split.test)


def with_split(document: Manifest) -> Manifest:
    """Add newly completed cases to the split."""
    done = [case.id for case in document.cases if case.state is CaseState.COMPLETED]
    split = extend_split(split_of(document), done, document.split.seed)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return document.model_copy(update={"split": document.split.model_copy(update=parts)})


def _derived(checked: Sequence[Checked]) -> tuple[LabelClass, ...]:
    names: dict[int, str] = {}
    for each in reversed(checked):
        names.update(each.names)
    return make_classes(derive_classes((value for each in checked for value in each.values), names))


def _refuse_useless(matches: Sequence[Match], checked: Sequence[Checked], labels: Path) -> None:
    labelled = [each for match, each in zip(matches, checked, strict=True) if match.label is not None]
    if not labelled:
        raise UserError(
            f"no file of {labels} has the name of an image; nothing was written; "
            "name label files like their images (a trailing _seg, _label or _mask is fine)"
        )
    if all(not each.values and each.fault is None for each in labelled):
        raise UserError(
            f"all {len(labelled)} label files of {labels} are empty everywhere; nothing was written; "
            "choose the folder that holds the labels, or leave the labels out"
        )


def _empty(matches: Sequence[Match], checked: Sequence[Checked]) -> tuple[str, ...]:
    pairs = zip(matches, checked, strict=True)
    empty = [match.scan.id for match, each in pairs if match.label and not each.values and each.fault is None]
    return (f"labels that are empty everywhere: {listed(empty)}; these cases count as completed",) if empty else ()
