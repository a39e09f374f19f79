"""Puts one case onto the disk: its labels, its state, and in the journal what was done to it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..classes import merged
from ..errors import UserError
from ..geometry import Geometry
from ..project import CaseState, Project
from ..storage.atomic import CannotWriteError
from ..volume import LabelMap
from .edits import files_of, fingerprint, journal, state_record


class _Given(NamedTuple):
    """What is to be written; None where nothing new is."""

    labels: NDArray[Any] | None = None
    step: int = 0
    state: CaseState | None = None


class Pen:
    """Writes one visit's labels, state and steps; whoever calls it, the newest content wins.

    Parameters
    ----------
    project : Project
        Where the labels are kept.
    case_id : str
        The case.
    geometry : Geometry
        Grid of its image.
    first : iterable of mapping
        What the journal has to hold before the first step of this visit.
    """

    def __init__(
        self, project: Project, case_id: str, geometry: Geometry, first: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self.case_id = case_id
        self._project, self._geometry = project, geometry
        self._journal = journal(project, case_id)
        self._files = files_of(project, case_id)
        self._lock = threading.Lock()  # what was handed over and what is owed change on two threads
        self._given: _Given | None = None
        self._owed = [dict(record) for record in first]
        self._refused = False

    # --- labels and state ---------------------------------------------------------------------------------------

    def give(self, labels: NDArray[Any] | None, state: CaseState | None = None, step: int = 0) -> None:
        """Hand over what is to be written.

        Parameters
        ----------
        labels : ndarray, (Z, Y, X), or None
            Labels, which may change while they are written: the journal holds what comes after `step`, and whoever
            changes them hands them over again.
        state : CaseState or None
            The state to be set afterwards.
        step : int
            Number of the last step that the labels hold.
        """
        with self._lock:
            before = self._given or _Given()
            kept = before if labels is None else _Given(labels, step, before.state)
            self._given = kept if state is None else kept._replace(state=state)

    @property
    def pending(self) -> bool:
        """Whether labels or a state were handed over that are not on the disk yet."""
        return self._given is not None

    def write(self) -> None:
        """Write what was handed over last; returns when it is on the disk, whichever thread wrote it.

        Raises
        ------
        CannotWriteError
            If the disk refuses; all stays pending.
        UserError
            If the project refuses; labels stay pending, a state is asked for anew.
        """
        with self._files:
            self._pay()
            given = self._given
            if given is None:
                return
            try:
                self._put(given)
            except CannotWriteError:
                raise
            except UserError:
                self._drop_state()
                raise
            except OSError as error:
                raise CannotWriteError(
                    f"The labels of {self.case_id} could not be written ({error}); what was there before is unchanged; "
                    "check the disk and try again"
                ) from error
            with self._lock:
                self._given = None if self._given is given else self._given

    def _put(self, given: _Given) -> None:
        if given.labels is not None:
            self._write_labels(given.labels.copy(), given.step)
        if given.state is not None:
            self._project.set_state(self.case_id, given.state)

    def _write_labels(self, labels: NDArray[Any], step: int) -> None:
        # as they will be read again
        mark = fingerprint(merged(labels, self._project.classes))
        self.note(state_record("saving", step, mark))
        self._project.save_labels(self.case_id, LabelMap(labels, self._geometry))
        self.note(state_record("saved", step, mark))

    def _drop_state(self) -> None:
        with self._lock:
            labels_wait = self._given is not None and self._given.labels is not None
            self._given = self._given._replace(state=None) if labels_wait else None

    # --- the journal --------------------------------------------------------------------------------------------

    def note(self, *records: Mapping[str, Any], synced: bool = True) -> str | None:
        """Add records to the journal; this process may die when it returns.

        After a refusal they are kept, in their order, and tried again whenever `write` is called.

        Returns
        -------
        str or None
            Why the journal refused, once for each row of refusals.
        """
        with self._lock:
            self._owed += [dict(record) for record in records]
            if self._refused:
                return None
            try:
                self._journal.extend(self._owed, synced=synced)
            except (UserError, OSError) as error:
                self._refused = True
                return str(error)
            self._owed.clear()
            return None

    @property
    def owing(self) -> bool:
        """Whether the journal lacks something because the disk refused it."""
        return self._refused

    def sync(self) -> None:
        """Bring what the journal holds onto the disk."""
        self._journal.sync()

    def _pay(self) -> None:
        if not self._refused:
            return
        with self._lock:
            owed = tuple(self._owed)
        # whoever adds records meanwhile need not wait for the disk
        try:
            self._journal.extend(owed)
        except (UserError, OSError):
            return
        with self._lock:
            del self._owed[: len(owed)]
            self._refused = bool(self._owed)

    # --- the next visit -----------------------------------------------------------------------------------------

    def prepare_visit(self, project: Project) -> None:
        """See to it that whoever reads the case from now on finds all that was done to it.

        Parameters
        ----------
        project : Project
            By which it will be read; it may have been opened before these labels were written.

        Raises
        ------
        UserError
            If neither the labels' file nor the journal could take it.
        """
        try:
            self.write()
        except UserError as error:
            if self.owing:
                raise UserError(
                    f"{self.case_id} was not opened, because what you last did there could not be written; it is kept "
                    f"in memory until it can be. {error}"
                ) from error
        if project is not self._project:
            project.reload()

    def retire(self) -> None:
        """Write nothing any more: a newer visit has read all that is worth keeping."""
        with self._lock:
            self._given = None
            self._owed.clear()
            self._refused = False
