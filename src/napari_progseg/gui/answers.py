"""Who answers: a model of the user's own or what answers without one, newest click first; whole volumes on request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import UserError
from ..guidance.prompts import Prompt
from ..volume import Volume
from . import engine, preferences, travel
from .background import Background, Flag, Job, Problem
from .box import Region
from .case import OpenCase
from .compare import Tally
from .doubts import Doubts
from .history import Shown
from .preferences import WithoutModel
from .wording import CLICKS_ALONE, STARTER, source_text

_PROGRESS_MS = 150
_SOURCES = {"starter": STARTER, "contrast": CLICKS_ALONE}
By = Literal["own", WithoutModel]


@dataclass(frozen=True, eq=False)
class Request:
    """What the clicks of a case ask, of whom, and of which prediction; the run is that of the user's own model."""

    revision: int
    by: By
    run: Path | None
    case: OpenCase
    prompts: tuple[Prompt, ...]
    shown: Shown


@dataclass(frozen=True, eq=False)
class Reply:
    """An answer to a request: boxes of label values, who answered, and how long it took."""

    request: Request
    patches: Sequence[tuple[Region, NDArray[Any]]]
    doubts: Sequence[tuple[Region, NDArray[Any]]]
    source: str
    sigma_mm: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Whole:
    """A whole predicted volume."""

    case: OpenCase
    labels: NDArray[Any]
    tally: Tally | None
    doubts: Doubts
    source: str


@dataclass(frozen=True, eq=False)
class _Session:
    """A session, who answers in it, the image it is about, and the state of the prediction that it started from."""

    who: Any  # a model, or "starter" or "contrast"
    session: Any
    volume: Volume
    base: Shown


class Answerer(QObject):
    """Answers clicks and predicts whole volumes in the background, one at a time. Lives on the GUI thread."""

    changed = Signal()  # who answers, or whether it is at work
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._models: dict[tuple[Path, int], Any] = {}
        self._session: _Session | None = None
        self._revision = 0
        self._waiting: OpenCase | None = None
        self._answering: Job | None = None
        self._predicting: Job | None = None
        self._fresh = 0
        self.run: Path | None = None
        self.predictor: Path | None = None
        self.own = True  # the user's own model answers where there is one
        self.without = preferences.without_model()
        self.starter = True  # its weights are there; until it is known, that is assumed
        self.learned: Mapping[int, Any] = {}  # by the starter, of structures; it counts from the next patient on
        self.source = ""
        self.seconds: float | None = None
        self._ticker = QTimer(self)
        self._ticker.setInterval(_PROGRESS_MS)
        self._ticker.timeout.connect(self.changed)

    def use(self, interactive: Path | None, predictor: Path | None) -> None:
        """Choose the run that answers clicks and the one that predicts whole volumes."""
        if (interactive, predictor) == (self.run, self.predictor):
            return
        if interactive != self.run:
            self.source, self.seconds = "", None
        self.run, self.predictor = interactive, predictor
        self.changed.emit()

    @property
    def by(self) -> By:
        """Who answers the next click."""
        if self.own and self.run is not None:
            return "own"
        return self.without if self.starter else "contrast"

    def choose(self, by: By) -> None:
        """Let somebody answer from now on; which of both does so without a model is remembered for all projects."""
        before = self.by
        self.own = by == "own" or self.run is None
        if by != "own" and by != self.without:
            self.without = by
            preferences.remember(by)
        if self.by != before:
            self.source, self.seconds = "", None
        self.changed.emit()

    def know_starter(self, there: bool) -> None:
        """Take note of whether the starter can answer at all."""
        self.starter = there
        self.changed.emit()

    def renew(self) -> None:
        """Load the models again at the next question: training has written better ones."""
        self._fresh += 1
        self.source = ""  # it named the older one
        self.changed.emit()

    # --- clicks -------------------------------------------------------------------------------------------------

    @property
    def answering(self) -> bool:
        """Whether a click is being answered."""
        return self._answering is not None

    def ask(self, case: OpenCase) -> None:
        """Answer the clicks of a case as they stand when their turn comes."""
        self._revision += 1
        self._waiting = case
        if self._answering is None:
            self._next()

    def _next(self) -> None:
        case, self._waiting = self._waiting, None
        if case is not None and not (case.closed or case.answered):
            request = Request(self._revision, self.by, self.run, case, case.history.prompts, case.shown)
            self._answering = self._background.start(
                "answering a click", _Answering(self, request), self._answered, self._ended
            )
        self.changed.emit()

    def _ended(self) -> None:
        self._answering = None
        self._next()

    def _answered(self, reply: Reply | Problem) -> None:
        if isinstance(reply, Problem):
            self.failed.emit(reply.text)
            return
        request, case = reply.request, reply.request.case
        # an answer to an older click set is dropped: the newer one is on its way
        if self._waiting is not None or case.closed or case.answered or request.prompts != case.history.prompts:
            return
        if request.shown is not case.shown:  # a whole prediction came meanwhile
            self.ask(case)
            return
        self.source, self.seconds = reply.source, reply.seconds
        if reply.sigma_mm is not None:
            case.tools.set(sigma_mm=reply.sigma_mm)
        shown = case.shown.answered(request.prompts, reply.source, by_model=request.by == "own")
        travel.take_answer(case, reply.patches, reply.doubts, shown)
        self.changed.emit()

    def answer(self, request: Request) -> Reply:
        """Answer one request. Runs in a worker; workers answer one after the other, so the session is theirs."""
        who, case = self._who(request), request.case
        kept, base = self._session, request.shown.base
        if kept is None or kept.who is not who or kept.volume is not case.volume or kept.base is not base:
            session = _session_of(who, self.learned, own_mask=request.shown.started)
            session.set_image(case.volume)
            kept = self._session = _Session(who, session, case.volume, base)
        answer = kept.session.answer(request.prompts, request.revision, case.predicted, local=case.tools.local)
        return Reply(request, answer.patches, answer.doubts, _source_of(who), _sigma_mm(who), answer.seconds)

    def _who(self, request: Request) -> Any:
        """Return the model that answers, or which of both answers without one."""
        if request.by == "own":
            return self._model(request.run)
        return "starter" if request.by == "starter" and engine.starter_available() else "contrast"

    def _model(self, run: Path) -> Any:
        key = (run, self._fresh)
        if key not in self._models:
            model = engine.load_trained(run)
            self._models = {known: kept for known, kept in self._models.items() if known[1] == self._fresh}
            self._models[key] = model
        return self._models[key]

    # --- whole volumes ------------------------------------------------------------------------------------------

    @property
    def predicting(self) -> bool:
        """Whether a whole volume is being predicted."""
        return self._predicting is not None

    @property
    def fraction(self) -> float:
        """How much of the volume has been predicted."""
        return 0.0 if self._predicting is None else self._predicting.stop.fraction or 0.0

    def predict(self, case: OpenCase) -> bool:
        """Predict the whole case; False if there is no model or one is at work already."""
        if self.predictor is None or self._predicting is not None:
            return False
        self._predicting = self._background.start(
            f"predicting {case.id}",
            _Predicting(self, case, self.predictor),
            self._predicted,
            self._predict_ended,
            f"Predicting {case.id}…",
        )
        self._ticker.start()
        self.changed.emit()
        return True

    def cancel(self) -> None:
        """Stop predicting; the prediction on screen stays as it was."""
        if self._predicting is not None:
            self._predicting.give_up()

    def _predict_ended(self) -> None:
        self._predicting = None
        self._ticker.stop()
        self.changed.emit()

    def _predicted(self, whole: Whole | Problem) -> None:
        if isinstance(whole, Problem):
            self.failed.emit(whole.text)
        elif not whole.case.closed:
            whole.case.put_whole(whole.labels, whole.tally, whole.doubts, whole.source)

    def whole(self, case: OpenCase, run: Path, stop: Flag) -> Whole:
        """Predict a volume. Runs in a worker."""
        model = self._model(run)
        doubts = Doubts(case.labels.shape)
        label_map = engine.predict_volume(model, case.volume, stop.told, stop.is_set, doubts.see)
        doubts.count_predicted(label_map.labels)
        values = [each.value for each in case.classes]
        tally = Tally.of(label_map.labels, case.labels, values) if case.tally is not None else None
        return Whole(case, label_map.labels, tally, doubts, source_text(model.name, model.step, model.dice))

    def forget(self) -> None:
        """Let go of the image that was answered about last."""
        self.seconds = None
        if self._answering is None:
            self._session = None

    def close(self) -> None:
        """Stop all work."""
        self._ticker.stop()
        for job in (self._answering, self._predicting):
            if job is not None:
                job.cancel()


@dataclass(frozen=True)
class _Answering:
    owner: Answerer
    request: Request

    def __call__(self, stop: Flag) -> Iterator[Reply]:
        yield self.owner.answer(self.request)


@dataclass(frozen=True)
class _Predicting:
    owner: Answerer
    case: OpenCase
    run: Path

    def __call__(self, stop: Flag) -> Iterator[Whole]:
        try:
            whole = self.owner.whole(self.case, self.run, stop)
        except UserError:
            if stop.is_set():  # cancelled: nothing to tell
                return
            raise
        yield whole


def _session_of(who: Any, learned: Mapping[int, Any], *, own_mask: bool) -> Any:
    if who == "starter":
        return engine.starter_session(learned)
    return engine.session_without_model() if who == "contrast" else engine.make_session(who, own_mask=own_mask)


def _source_of(who: Any) -> str:
    return _SOURCES[who] if isinstance(who, str) else source_text(who.name, who.step, who.dice)


def _sigma_mm(model: Any) -> float | None:
    clicks = getattr(getattr(model, "config", None), "clicks", None)
    return None if clicks is None else float(clicks.sigma_mm)
