"""A project: a folder that knows its patients, their labels, its classes, split and runs."""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from . import enrolment, io, manifest
from .case import Case, case_of, is_known, own_label
from .classes import merged, outside, parse_classes, values_of
from .data.splits import Choice, Split, choose, draw
from .errors import UserError
from .geometry import Geometry
from .manifest import CaseRecord, CaseState, Manifest
from .matching import check_labels, listed
from .storage.atomic import remove_stale
from .volume import LabelClass, LabelMap, Modality, Volume

__all__ = ["Case", "CaseState", "Project", "parse_classes"]

_RUN = re.compile(r"\d{4,}-.+")


class Project:
    """A project on disk; made with `create` or `open`.

    Reading goes by the state at the last read or change made through this object, see `reload`; every change reads the
    manifest again under a lock, so that the dock and the command line may work on one project. Threads may share it.
    """

    def __init__(self, root: Path, loaded: manifest.Loaded) -> None:
        self.root = root
        self._geometries: dict[str, Geometry] = {}
        self._turn = threading.RLock()  # of threads that read the manifest again or change it
        self._adopt(loaded)

    @classmethod
    def create(
        cls,
        root: Path,
        images: Path,
        labels: Path | None = None,
        classes: Mapping[str, Sequence[int]] | None = None,
        *,
        seed: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Project:
        """Make a project of a folder of images and, if there is one, a folder of labels; both are only referenced.

        Parameters
        ----------
        root : Path
            The project's folder; made when missing.
        images, labels : Path
            Searched with their subfolders; files are matched by name.
        classes : mapping of str to sequence of int, or None
            Label values of each structure; None makes a class of every value that the labels hold.
        seed : int
            Decides which completed cases validate and test.
        progress : callable or None
            Called with fractions in (0, 1] while label files are checked.

        Raises
        ------
        UserError
            If there is a project already, no image, an ambiguous name, or all label files are empty, or if the
            project's own ``labels`` folder is in use.
        """
        root = Path(root).resolve()
        enrolment.refuse_existing(root)
        document = enrolment.founded(root, images, labels, classes, seed, progress)
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"the folder {root} could not be made ({error.strerror}); choose another place") from error
        with manifest.locked(root):
            enrolment.refuse_existing(root)
            manifest.save(root, document)
        return cls(root, manifest.Loaded(document))

    @classmethod
    def open(cls, root: Path) -> Project:
        """Open a project; `problems` says where something had to be put right.

        Raises
        ------
        UserError
            If there is no project or its manifest and backup are both unusable.
        """
        root = Path(root).resolve()
        loaded = manifest.load(root)
        for folder in (root, root / "labels", root / "predictions"):
            remove_stale(folder)
        return cls(root, loaded)

    def reload(self) -> None:
        """Read the manifest again, for changes that another process made."""
        with self._turn:
            self._adopt(manifest.load(self.root))

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The structures, in the order of the network's channels."""
        return tuple(LabelClass(each.name, each.values) for each in self._manifest.classes)

    @property
    def cases(self) -> tuple[Case, ...]:
        """All cases, in natural order of their images."""
        return tuple(self._cases.values())

    @property
    def completed(self) -> tuple[Case, ...]:
        """The cases that may be trained on."""
        return tuple(case for case in self.cases if case.state is CaseState.COMPLETED)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each thing that is wrong or was noticed."""
        missing = self.missing
        flagged = tuple(f"{case.id}: {case.note}" for case in self.cases if case.note)
        where = "say where they are: Patients ▸ Scans in the dock, or progseg relocate PROJECT --images FOLDER"
        gone = [f"the images of {listed(missing)} are not where they were; {where}"] if missing else []
        return (*self._load_problems, *gone, *enrolment.noticed(self._manifest, self._cases), *flagged)

    @property
    def missing(self) -> list[str]:
        """The cases whose images are not where they were."""
        return [case.id for case in self.cases if not case.image.exists()]

    @property
    def split(self) -> Split:
        """Completed cases by purpose; the part of a case never changes, also while it is not completed."""
        return enrolment.split_of(self._manifest).within({case.id for case in self.completed})

    @property
    def runs_dir(self) -> Path:
        """Folder of the runs, which may not exist yet."""
        return self.root / "runs"

    @property
    def cache_dir(self) -> Path:
        """Folder of preprocessed volumes; safe to delete."""
        return self.root / "cache"

    @property
    def edits_dir(self) -> Path:
        """Folder of the edit journals, ``ID.jsonl``."""
        return self.root / "edits"

    def runs(self) -> list[Path]:
        """List the run folders, oldest first."""
        if not self.runs_dir.is_dir():
            return []
        found = [entry for entry in self.runs_dir.iterdir() if entry.is_dir() and _RUN.fullmatch(entry.name)]
        return sorted(found, key=lambda run: (int(run.name.split("-")[0]), run.name))

    def case(self, case_id: str) -> Case:
        """Return a case; raises UserError with the known ids if there is none of that id."""
        if case_id not in self._cases:
            raise UserError(f"there is no case {case_id!r}; choose one of {listed(list(self._cases))}")
        return self._cases[case_id]

    def volume(self, case_id: str) -> Volume:
        """Read an image, (Z, Y, X) with its geometry; the modality is the user's where set."""
        case = self.case(case_id)
        if not case.image.exists():
            raise UserError(
                f"the image of case {case_id} is not at {case.image}; nothing was changed; "
                "say where it is now: Patients ▸ Scans in the dock, or progseg relocate PROJECT --images FOLDER"
            )
        volume = io.read_volume(case.image, series=case.series)
        self._geometries[case_id] = volume.geometry
        return dataclasses.replace(volume, modality=case.modality or volume.modality)

    def labels(self, case_id: str) -> LabelMap | None:
        """Read the labels of a case, the values of each class merged into its first; None if it has none.

        Raises
        ------
        UserError
            If the file cannot be read, lies on another grid than the image (more than 1e-3 voxel apart), or holds a
            value that belongs to no class.
        """
        case = self.case(case_id)
        if case.label is None:
            return None
        geometry = self._geometry(case_id)
        label_map = io.read_labels(case.label, like=geometry)
        self._check(case_id, label_map, str(case.label))
        names = {each.value: each.name for each in self.classes}
        return LabelMap(merged(label_map.labels, self.classes), label_map.geometry, names)

    def save_labels(self, case_id: str, label_map: LabelMap) -> None:
        """Write labels as the project's own ``labels/ID.nii.gz``; an imported file is never touched.

        Raises
        ------
        UserError
            If they lie on another grid than the image, hold a value of no class, or the disk refuses.
        """
        case = self.case(case_id)
        self._check(case_id, label_map, "the new labels")
        io.write_labels(own_label(self.root, case_id), label_map)
        if case.state is CaseState.NOT_STARTED:
            self._change_case(case_id, enrolment.started)
        else:
            with self._turn:
                self._adopt_cases()

    def set_state(self, case_id: str, state: CaseState, note: str | None = None) -> None:
        """Set the state of a case; completing it adds it to the split, once its labels have been checked.

        Raises
        ------
        UserError
            If a case without usable labels is to be completed.
        """
        if state is CaseState.COMPLETED and self.labels(case_id) is None:
            raise UserError(f"case {case_id} has no labels; its state was not changed; label it first")
        kept = note if state is CaseState.FLAGGED else None
        self._change_case(case_id, lambda record: record.model_copy(update={"state": state, "note": kept}))

    def set_modality(self, modality: Modality | None, case_ids: Iterable[str] | None = None) -> None:
        """Say whether cases (None: all) are CT or MR; None leaves it to the file."""
        chosen = {self.case(case_id).id for case_id in (self._cases if case_ids is None else case_ids)}
        self._change_records(
            lambda record: record.model_copy(update={"modality": modality}) if record.id in chosen else record
        )

    def draw(
        self, train: Choice = None, validation: Choice = None, seed: int = 0
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Choose training and validation cases; see `napari_progseg.data.splits.choose`.

        Raises
        ------
        UserError
            If no case is completed, there are fewer than asked for, or a named case is unknown or not completed.
        """
        self._require_completed()
        for choice in (train, validation):
            if choice is not None and not isinstance(choice, int):
                self._require_usable(choice)
        return choose(self.split, train, validation, seed)

    def scans(self, choice: Choice = None, seed: int = 0) -> tuple[str, ...]:
        """Choose cases whose images alone are learned from, labelled or not.

        Parameters
        ----------
        choice : int, sequence of str or None
            The first so many of the seed's permutation, or cases by id; None takes all. Test cases are left out, also
            while they are not completed, except where they are named.

        Raises
        ------
        UserError
            If a case is unknown or there are fewer than asked for.
        """
        if choice is not None and not isinstance(choice, int):
            return tuple(self.case(case).id for case in dict.fromkeys(choice))
        held_out = enrolment.split_of(self._manifest).test
        pool = [case for case in self._cases if case not in held_out]
        return tuple(pool) if choice is None else draw(pool, choice, seed)

    def test_cases(self, spec: str | int | Sequence[str] = "test", seed: int = 0) -> tuple[str, ...]:
        """Choose cases to evaluate on.

        Parameters
        ----------
        spec : "test", int or sequence of str
            All test cases, the first so many of the seed's permutation of them, or completed cases by id.
        seed : int
            Orders the test cases; the same for all runs that are to be compared.
        """
        self._require_completed()
        if not isinstance(spec, (int, str)):
            return self._require_usable(spec)
        test = self.split.test
        if not test:
            raise UserError(
                f"there is no test case among {len(self.completed)} completed cases; nothing was evaluated; "
                "complete at least 5 cases or name cases by id"
            )
        if isinstance(spec, int):
            return draw(test, spec, seed)
        return test if spec == "test" else self._require_usable([spec])

    def add_cases(
        self, images: Path, labels: Path | None = None, progress: Callable[[float], None] | None = None
    ) -> tuple[str, ...]:
        """Add further images with their labels, by reference, and return the ids of the new cases.

        Images that the project knows are passed over. `progress`, as in `create`, may raise: then nothing is changed.

        Raises
        ------
        UserError
            If a new image has the name of a case that is another file.
        """
        matches, problems = enrolment.matched(self.root, images, labels)
        self.reload()
        new = [match for match in matches if not is_known(match.scan, self.cases)]
        checked = check_labels(new, progress)
        records = tuple(enrolment.record(self.root, *pair, self.classes) for pair in zip(new, checked, strict=True))
        if records:
            self._change(
                lambda old: old.model_copy(
                    update={"cases": old.cases + records, "problems": tuple(dict.fromkeys(old.problems + problems))}
                )
            )
        return tuple(record.id for record in records)

    def relocate(
        self, images: Path, labels: Path | None = None, progress: Callable[[float], None] | None = None
    ) -> tuple[str, ...]:
        """Point to images (and imported labels) that were moved; returns the ids of the cases found again.

        `progress` is told 1 before anything is changed and may raise.

        Raises
        ------
        UserError
            If the folder holds no image of this project.
        """
        matches, _ = enrolment.matched(self.root, images, labels)
        found = {match.scan.id: match for match in matches if match.scan.id in self._cases}
        if not found:
            raise UserError(f"{images} holds no image of this project; nothing was changed; choose another folder")
        if progress is not None:
            progress(1.0)
        self._geometries.clear()
        self._change_records(lambda record: enrolment.moved(self.root, record, found.get(record.id)))
        return tuple(found)

    def _adopt(self, loaded: manifest.Loaded) -> None:
        self._manifest = loaded.manifest
        self._load_problems = loaded.problems
        self._adopt_cases()

    def _adopt_cases(self) -> None:
        self._cases = {record.id: case_of(self.root, record) for record in self._manifest.cases}

    def _geometry(self, case_id: str) -> Geometry:
        if case_id not in self._geometries:
            self.volume(case_id)
        return self._geometries[case_id]

    def _check(self, case_id: str, label_map: LabelMap, what: str) -> None:
        fault = self._geometry(case_id).mismatch(label_map.geometry)
        if fault is not None:
            raise UserError(
                f"case {case_id}: image and labels do not fit: {fault}; both files are unchanged; "
                "resample the labels onto the image's grid"
            )
        if unknown := outside(values_of(label_map.labels), self.classes):
            known = ", ".join(f"{each.name}={'+'.join(map(str, each.values))}" for each in self.classes)
            raise UserError(
                f"case {case_id}: {what} hold the values {listed(list(map(str, unknown)))}, which belong to no class "
                f"({known}); nothing was changed; correct the labels or make a project with classes for these values"
            )

    def _require_completed(self) -> None:
        if self.completed:
            return
        flagged = next((f"; {case.id} is flagged: {case.note}" for case in self.cases if case.note), "")
        raise UserError(
            f"none of {len(self.cases)} cases is completed{flagged}; nothing was started; "
            "label a case and mark it completed, or make the project with a folder of labels"
        )

    def _require_usable(self, ids: str | Sequence[str]) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        if not chosen:
            raise UserError("no case was named; nothing was started; name cases by id or say how many")
        for case in map(self.case, chosen):
            if case.state is not CaseState.COMPLETED:
                why = f"{case.state} ({case.note})" if case.note else case.state
                raise UserError(f"case {case.id} is {why}; nothing was started; complete it or leave it out")
        return chosen

    def _change_case(self, case_id: str, change: Callable[[CaseRecord], CaseRecord]) -> None:
        self._change_records(lambda record: change(record) if record.id == case_id else record)

    def _change_records(self, change: Callable[[CaseRecord], CaseRecord]) -> None:
        self._change(lambda old: old.model_copy(update={"cases": tuple(map(change, old.cases))}))

    def _change(self, change: Callable[[Manifest], Manifest]) -> None:
        with self._turn, manifest.locked(self.root):
            loaded = manifest.load(self.root)
            changed = enrolment.with_split(change(loaded.manifest))
            # copies are not validated: what is written must be readable
            document = Manifest.model_validate(changed.model_dump())
            manifest.save(self.root, document, keep_damaged=loaded.damaged)
            self._adopt(manifest.Loaded(document, self._load_problems))
