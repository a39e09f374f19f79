"""What the run that is trained now predicts of the case on screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .background import Problem, called
from .bridge import Preview
from .case import OpenCase
from .compare import LARGE_VOXELS, Tally
from .wording import run_number, thousands

if TYPE_CHECKING:
    from .desk import Desk


class LivePreview:
    """Asks the followed run for the case on screen and shows what it sends. Lives on the GUI thread.

    Parameters
    ----------
    desk : Desk
        Whose case and runs these are.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._asked: tuple[Path | None, str] | None = None

    def ask(self) -> None:
        """Ask once per run and case; restored slices are shown without any, too, and nothing of a run over shapes."""
        runs, case = self._desk.runs, self._desk.case
        if not runs.shows_live or runs.feed.shapes:
            return
        feed = runs.feed
        wanted = case.id if case is not None else feed.cases[0] if feed.restores and feed.cases else None
        if wanted is not None and (runs.run, wanted) != self._asked:
            self._asked = (runs.run, wanted)
            runs.preview(wanted)

    def forget(self) -> None:
        """Let the run predict for nobody: the case leaves the screen."""
        if self._asked is not None:
            self._asked = None
            self._desk.runs.preview("")

    def take(self, preview: Preview) -> None:
        """Show a prediction, unless it is of another case or the mask on screen is the user's."""
        case, feed = self._desk.case, self._desk.runs.feed
        if feed is not None and feed.shapes:  # one structure alone, and the user asked for its shape
            return
        if case is None or case.id != preview.case or preview.labels.shape != case.predicted.shape:
            return
        if not self._may_replace(case):
            return
        if preview.labels.size > LARGE_VOXELS and case.tally is not None:
            self._count(case, preview)
        else:
            self._show(case, preview)

    def _may_replace(self, case: OpenCase) -> bool:
        """Whether no mask of the user's clicks or choice is on screen; training never replaces that."""
        return case is self._desk.case and not (case.started or case.history.clicks or self._desk.reviewing)

    def _count(self, case: OpenCase, preview: Preview) -> None:
        count = called(_counted, case, case.revision, preview)
        self._desk.background.start("comparing with the reference", count, self._counted)

    def _counted(self, counted: Any) -> None:
        # the user may have gone on meanwhile
        if isinstance(counted, Problem) or not self._may_replace(counted[0]):
            return
        case, revision, preview, tally = counted
        if revision == case.revision:
            self._show(case, preview, tally)
        else:
            self._count(case, preview)

    def _show(self, case: OpenCase, preview: Preview, tally: Tally | None = None) -> None:
        source = f"{run_number(self._desk.runs.run.name)} · step {thousands(preview.step)}"
        case.put_whole(preview.labels, tally, source=source)


def _counted(case: OpenCase, revision: int, preview: Preview) -> tuple[OpenCase, int, Preview, Tally]:
    return case, revision, preview, Tally.of(preview.labels, case.labels, [each.value for each in case.classes])
