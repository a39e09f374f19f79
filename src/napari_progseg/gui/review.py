"""The queue of predictions that wait for review: the least sure first, each shown when its patient opens."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from ..predictions import Prediction, Predictions, review_order
from ..project import CaseState
from ..volume import LabelMap
from .background import Job, Problem, called
from .case import OpenCase
from .desk import Desk
from .wording import source_text


class Review(QObject):
    """Which patients are predicted and not completed. Lives on the GUI thread."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._records: dict[str, Prediction] = {}
        self._in_hand: str | None = None
        self._listing: Job | None = None
        self.on = False
        desk.project_changed.connect(self._project_changed)
        desk.case_changed.connect(self._case_changed)
        desk.keeper.saved.connect(self._saved)

    @property
    def queue(self) -> tuple[Prediction, ...]:
        """What is to be reviewed, the least sure first."""
        return () if self._desk.project is None else review_order(self._desk.project, self._records.values())

    def switch(self, on: bool) -> None:
        """Go from one to the next when a patient is completed, or no longer."""
        self.on = on
        self._desk.reviewing = on and self._in_hand is not None
        self.changed.emit()

    def refresh(self) -> None:
        """Read again what is predicted, in the background."""
        if self._desk.project is not None:
            if self._listing is not None:
                self._listing.cancel()  # it may have looked before what is new
            steps = called(_listed, Predictions(self._desk.project))
            self._listing = self._desk.background.start("looking for predictions", steps, self._listed)

    def _listed(self, found: Any) -> None:
        if isinstance(found, Problem) or self._desk.project is None or found[0] != self._desk.project.root:
            return
        self._records = found[1]
        self.changed.emit()

    def _project_changed(self) -> None:
        self._records, self._in_hand, self.on = {}, None, False
        self.changed.emit()
        self.refresh()

    def _case_changed(self) -> None:
        desk, case = self._desk, self._desk.case
        waits = case is not None and any(each.case == case.id for each in self.queue)
        self._in_hand = case.id if waits else None
        # a running training must not replace what is being reviewed
        desk.reviewing = waits and self.on
        if waits:
            steps = called(_read, Predictions(desk.project), case)
            desk.background.start("reading a prediction", steps, self._read)

    def _read(self, value: tuple[OpenCase, LabelMap | None] | Problem) -> None:
        if isinstance(value, Problem):
            self._desk.said.emit(value.text)
            return
        case, label_map = value
        # clicks or another prediction may have come first
        if label_map is None or case is not self._desk.case or case.has_prediction:
            return
        record = self._records[case.id]
        case.put_whole(label_map.labels, source=source_text(record.run, record.step, record.dice))

    def _saved(self, case_id: str) -> None:
        if case_id != self._in_hand or self._desk.state_of(case_id) is not CaseState.COMPLETED:
            return
        self._in_hand = None
        self.changed.emit()
        if not self.on:
            return
        if self.queue:
            self._desk.open_case(self.queue[0].case)
        else:
            self.switch(on=False)
            self._desk.said.emit("All predictions are reviewed.")


def _listed(predictions: Predictions) -> tuple[Any, dict[str, Prediction]]:
    return predictions.folder.parent, predictions.records()


def _read(predictions: Predictions, case: OpenCase) -> tuple[OpenCase, LabelMap | None]:
    return case, predictions.read(case.id, case.volume.geometry)
