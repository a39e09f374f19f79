"""What the dock can do, without a single widget: projects, cases, clicks, runs. One desk per viewer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

from ..errors import UserError
from ..project import Case, CaseState, Project
from ..training.config import RunConfig
from . import engine, recent
from .answers import Answerer
from .background import Background, Flag, Job, Problem, called
from .canvas import CanvasText
from .case import OpenCase
from .handed import Handed, hand_over
from .layers import PREFIX, warm_up
from .live import LivePreview
from .pauses import Pauses
from .reading import ReadCase, read_case
from .runs import Runs, models_of
from .saving import Keeper
from .startmask import StartMask, file_values, layer_values, mask_of
from .tools import Tools
from .wording import canvas_text, mean, short_source

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

SAMPLE = {"patients": 9, "labelled": 6, "seed": 0}
SAMPLE_CLASSES = {"leg": {1: "fibula"}, "mr": {1: "anterior", 2: "posterior"}}


class Desk(QObject):
    """Everything behind the dock. Lives on the GUI thread; every long thing runs beside it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer it works in.
    """

    project_changed = Signal()
    cases_changed = Signal()
    case_changed = Signal()
    annotation_changed = Signal()
    busy_changed = Signal()
    said = Signal(str)

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.background = Background()
        self.tools = Tools()
        self.keeper = Keeper(self.background)
        self.answerer = Answerer(self.background)
        self.runs = Runs(self.background)
        self.canvas = CanvasText(viewer)
        self._pauses = Pauses(viewer)
        self.project: Project | None = None
        self.case: OpenCase | None = None
        self.dice_of_case: dict[str, float | None] = {}
        self.chosen_run: Path | None = None
        self.device = ""
        self.busy = ""
        self._opening: Job | None = None
        self._live = LivePreview(self)
        self._counting = False
        self._closed = False
        self.reviewing = False  # the stored prediction on screen stays, whatever a training shows
        self._connect()
        self._prepare()

    def _connect(self) -> None:
        for speaker in (self.keeper, self.answerer, self.runs):
            speaker.failed.connect(self.said)
        self.keeper.saved.connect(self._saved)
        self.keeper.failed.connect(self.annotation_changed)
        self.answerer.changed.connect(self.annotation_changed)
        self.tools.changed.connect(self.annotation_changed)
        self.runs.listed.connect(self._choose_models)
        self.runs.news.connect(self._run_news)
        self.runs.previewed.connect(self._live.take)
        self.runs.improved.connect(self._improved)

    def _prepare(self) -> None:
        def steps(stop: threading.Event) -> Iterator[str | None]:
            warm_up()
            yield None
            yield engine.prepare(), engine.starter_available()

        self._pauses.begin()
        self.canvas.learn()
        self.background.start("getting ready", steps, self._prepared)

    def _prepared(self, found: tuple[str, bool] | Problem) -> None:
        if isinstance(found, Problem):
            self.said.emit(found.text)
            found = ("no device", False)
        self.device = found[0]
        self.answerer.know_starter(found[1])
        self._pauses.leave_out_what_is_there()
        self.busy_changed.emit()

    # --- projects -----------------------------------------------------------------------------------------------

    def open_project(self, root: Path) -> bool:
        """Open a project; False, and a sentence, if that fails."""
        try:
            project = Project.open(Path(root))
        except UserError as error:
            self.said.emit(str(error))
            return False
        self._adopt(project)
        return True

    def create_project(
        self,
        root: Path,
        images: Path,
        labels: Path | None = None,
        classes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Make a project in the background and open it."""

        def steps(stop: Flag) -> Iterator[Any]:
            yield Project.create(root, images, labels, classes, progress=stop.told)

        self._work("Looking at the scans…", steps, self._created)

    def try_sample(self, kind: str = "leg", folder: Path | None = None) -> None:
        """Open the sample project; its synthetic scans are written first if they are not there."""
        target = recent.sample_folder(kind) if folder is None else Path(folder)
        root = target / f"sample-{kind}"
        if (root / "progseg.json").is_file():
            self.open_project(root)
            return

        def steps(stop: threading.Event) -> Iterator[Any]:
            from ..samples import write_cohort

            write_cohort(target, kind, **SAMPLE)
            yield None
            classes = {name: (value,) for value, name in SAMPLE_CLASSES[kind].items()}
            project = Project.create(root, target / "images", target / "labels", classes)
            project.set_modality("ct" if kind == "leg" else "mr")
            yield project

        self._work("Making the sample scans…", steps, self._created)

    def _created(self, project: Any) -> None:
        if isinstance(project, Problem):
            self.said.emit(project.text)
        else:
            self._adopt(project)

    def _adopt(self, project: Project) -> None:
        if self._opening is not None:
            self._opening.give_up()
        self.close_case()
        self.project = project
        self.dice_of_case.clear()
        self.chosen_run = None
        self.answerer.own = True
        self.tools.set(class_index=0)
        recent.remember(project.root)
        self.runs.set_project(project)
        self.project_changed.emit()

    # --- cases --------------------------------------------------------------------------------------------------

    def open_case(self, case_id: str) -> None:
        """Read a case in the background and show it; the one on screen is saved and left."""
        project = self.project
        if project is None:
            return
        if self._opening is not None:
            self._opening.cancel()
        if self.case is not None and self.case.id == case_id:
            self.close_case()  # what is painted while it is read would not be on the screen afterwards
        write_first = self.keeper.before_reading(project, case_id)

        def steps(stop: Flag) -> Iterator[ReadCase]:
            write_first()
            yield read_case(project, case_id)

        self._opening = self._work(f"Opening {case_id}…", steps, self._read)

    def _read(self, read: ReadCase | Problem) -> None:
        self._opening = None
        if isinstance(read, Problem):
            self.said.emit(read.text)
            return
        left = self._leave_case()
        handed = Handed() if left is None else hand_over(left, read)
        self.case = OpenCase(self.viewer, read, self.tools, handed)
        self.case.asked.connect(self._asked)
        self.case.changed.connect(self._case_touched)
        self.case.said.connect(self.said)
        self.case.image_removed.connect(self.close_case)
        self.keeper.watch(self.project, self.case, read.past)
        self.case.pick_tool()
        self._case_touched()
        self.case_changed.emit()
        self._live.ask()
        if self.case.history.asked_last:
            self.answerer.ask(self.case)
        if read.volume.notes:
            show_info(read.volume.notes[0])

    def close_case(self) -> None:
        """Save and leave the case on screen."""
        if (case := self._leave_case()) is None:
            return
        case.close()
        if not self._closed:
            self.case_changed.emit()

    def _leave_case(self) -> OpenCase | None:
        """Save the case on screen and have it no more; its layers are there still."""
        case = self.case
        if case is not None:
            self.answerer.cancel()
            self._live.forget()
            self.keeper.leave()
            self.case = None
            self.answerer.forget()
            self.canvas.show("")
        return case

    def complete_case(self) -> None:
        """Save the labels and mark the case completed: predictions are measured against it, runs may learn from it."""
        if self.case is None:
            return
        self.case.settle()
        if self.open_record().label is None and not self.keeper.unsaved:
            self.said.emit(f"{self.case.id} has no labels yet, so it was not marked completed. Label it first.")
            return
        self.keeper.save(CaseState.COMPLETED)

    def accept(self) -> bool:
        """Copy the prediction into the labels and save them; False if there is nothing to copy."""
        accepted = self.case is not None and self.case.accept() is not None
        if accepted:
            self.keeper.save()
        return accepted

    def _saved(self, case_id: str) -> None:
        self.cases_changed.emit()
        if self.case is not None and self.case.id == case_id:
            self._recount()

    def _recount(self) -> None:
        """Measure the prediction against labels that were changed or have just become the reference."""
        case = self.case
        if case is None or self._counting:
            return
        if case.stale or (case.tally is None and self.state_of(case.id) is CaseState.COMPLETED):
            self._counting = True
            self.background.start("comparing with the reference", called(case.recounting()), self._recounted)

    def _recounted(self, counted: Any) -> None:
        self._counting = False
        if isinstance(counted, Problem):
            return
        case, revision, tally = counted
        if case is not self.case or not case.recounted(revision, tally):
            self._recount()

    def state_of(self, case_id: str) -> CaseState:
        """Return how far a case is."""
        return self.project.case(case_id).state

    def open_record(self) -> Case | None:
        """Return the project's record of the case on screen."""
        return None if self.case is None or self.project is None else self.project.case(self.case.id)

    # --- answers ------------------------------------------------------------------------------------------------

    def _asked(self) -> None:
        self.answerer.ask(self.case)

    def predict(self) -> None:
        """Predict the whole case on screen."""
        if self.case is not None and not self.answerer.predict(self.case):
            self.said.emit("There is no trained model yet, so nothing was predicted. Start a run in the Train tab.")

    def start_from_layer(self, layer: Labels) -> None:
        """Go on from the mask of a labels layer; refused with a sentence if it does not lie on the image's grid."""
        case = self.case
        try:
            values = layer_values(layer, case.image, case.volume.geometry)
        except UserError as error:
            self.said.emit(str(error))
            return
        self._take_mask(case, lambda: mask_of(values, case.classes, layer.name.removeprefix(PREFIX)))

    def start_from_file(self, path: Path) -> None:
        """Go on from the mask of a labels file on the image's grid."""
        case = self.case
        self._take_mask(case, lambda: mask_of(file_values(path, case.volume.geometry), case.classes, path.name))

    def _take_mask(self, case: OpenCase, read: Callable[[], StartMask]) -> None:
        def taken(mask: StartMask | Problem) -> None:
            if isinstance(mask, Problem):
                self.said.emit(mask.text)
            elif case is self.case:
                self.answerer.cancel()
                case.start_from(mask.labels, mask.source, mask.boxes)
                case.pick_tool()
                if mask.left_out:
                    self.said.emit(mask.left_out)

        self._work("Taking over a mask…", called(read), taken)

    def use_run(self, run: Path | None) -> None:
        """Let this run answer clicks (if it can) and predict; None leaves it to the newest."""
        self.chosen_run = run
        self.answerer.own = True
        self._choose_models()

    def _choose_models(self) -> None:
        self.answerer.use(*models_of(self.runs.rows, self.chosen_run))
        self.annotation_changed.emit()

    def _improved(self) -> None:
        self.answerer.renew()
        self.runs.refresh()

    def _case_touched(self) -> None:
        case = self.case
        if case is None or self._closed:
            return
        dice, flattered = case.dice, case.history.accepted_from_model
        if dice is not None and not flattered:
            self.dice_of_case[case.id] = mean(list(dice.values()))
        text = canvas_text(dice, case.classes, short_source(case.source), flattered=flattered)
        self.canvas.show(text if case.has_prediction else "")
        self.annotation_changed.emit()

    # --- runs ---------------------------------------------------------------------------------------------------

    def start_training(self, config: RunConfig) -> None:
        """Start a run in its own process once all labels are on the disk; refused if they cannot be written."""
        if self.project is not None:
            self.runs.start(config, self.saving())

    def _run_news(self) -> None:
        feed = self.runs.feed
        if feed is not None and feed.validations:
            for case_id, dice in feed.validations[-1].cases.items():
                if self.case is None or case_id != self.case.id:
                    self.dice_of_case[case_id] = mean(list(dice.values()))
        self._live.ask()

    # --- busy, close --------------------------------------------------------------------------------------------

    def _work(self, text: str, steps: Any, on_value: Any) -> Job:
        self.busy = text
        self.busy_changed.emit()

        def finished() -> None:
            if self.busy == text:
                self.busy = ""
                self.busy_changed.emit()

        return self.background.start(text.rstrip("…").lower(), steps, on_value, finished, text)

    def saving(self) -> Callable[[], None]:
        """Save in the background, and return a call for a worker whose job needs all labels on the disk.

        The call returns once they are, and raises UserError if they cannot be written.
        """
        self.keeper.save()
        return self.keeper.written(self.project)

    def save_everything(self) -> bool:
        """Put all labels on the disk before this returns; False if it refuses some."""
        return self.keeper.save_now()

    def close(self) -> None:
        """Save, give back what was borrowed, end all work in this process. A running training goes on."""
        if self._closed:
            return
        self._closed = True
        self.background.close()
        # where the window went without a word, Qt has already deleted timers; labels were saved when they changed
        with suppress(RuntimeError):
            self.keeper.close()
            self.answerer.close()
        self.canvas.restore()
        self._pauses.end()
