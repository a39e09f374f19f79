"""The annotation-effort study: what each arm labels, in which order, and when it trains on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from .. import manifest
from ..errors import UserError
from ..manifest import CaseRecord, ClassRecord, Manifest, stored_path
from ..project import Project
from ..suggest.choice import suggest
from ..training.config import BudgetConfig, Task
from .annotator import USUAL, Annotator, Costs
from .common import Common
from .draw import Draw
from .grid import Cell
from .limited_data import PRETRAINING
from .patients import key_of
from .rows import Document, fingerprint
from .terms import Terms

STUDY = "effort"


@dataclass(frozen=True)
class Arm:
    """A way of labelling and training that is compared.

    Parameters
    ----------
    task : {"interactive", "segmentation"}
        What its models learn.
    answered_by : {"model", "starter"} or None
        Who answers clicks: the newest interactive model, the starter before there is one; or always the starter. None:
        nobody clicks, and what is wrong is painted.
    predicted : bool
        Labelling begins with what the newest model predicts, where it is of any use; otherwise with nothing.
    suggested : bool
        Patients come in the suggested order, most typical first; otherwise at random.
    pretrained : bool
        Every training begins with a restoration run on the seed's scans.
    settings : tuple of str
        ``section.field=value`` that make its trainings what they are.
    """

    task: Task
    answered_by: Literal["model", "starter"] | None
    predicted: bool = True
    suggested: bool = False
    pretrained: bool = False
    settings: tuple[str, ...] = ()


# all runs take as many steps, so patches grow with full batches, which is the rule that spends them whole
_PROGRESSIVE = ("samples.schedule=pdl", "patches.schedule=performance")
GROUPS: dict[str, Arm] = {
    "Suggested": Arm("interactive", "model", suggested=True, pretrained=True, settings=_PROGRESSIVE),
    "Random": Arm("interactive", "model"),
    "Starter": Arm("segmentation", "starter"),
    "Predicted": Arm("segmentation", None),
    "Painting": Arm("segmentation", None, predicted=False),
}


@dataclass(frozen=True)
class Journey:
    """The way of one group and seed from the first patient to the last training.

    Parameters
    ----------
    cells : tuple of Cell
        Its trainings, fewest patients first.
    annotator : Annotator
        Who labels.
    root : Path
        Its own project, whose labels are the masks that were accepted.
    """

    group: str
    seed: int
    cells: tuple[Cell, ...]
    annotator: Annotator
    root: Path

    @property
    def arm(self) -> Arm:
        """How its patients are labelled."""
        return GROUPS[self.group]

    @property
    def order(self) -> tuple[str, ...]:
        """The patients, first to last."""
        return self.cells[-1].config.train

    def model(self, place: int) -> Cell | None:
        """Return the training whose model helps with a patient, by its place from 1; None if there is none.

        It is the newest one before: painting from nothing needs none, nor have the patients before the first training.
        """
        earlier = [cell for cell in self.cells if cell.patients < place]
        return earlier[-1] if earlier and self.arm.predicted else None

    def document(self, place: int) -> Document:
        """Return what decides the effort of a patient, as JSON."""
        model = self.model(place)
        return {
            "group": self.group,
            "seed": self.seed,
            "case": self.order[place - 1],
            "annotator": asdict(self.annotator),
            "answered_by": self.arm.answered_by,
            "model": None if model is None else model.document,
        }

    @property
    def patient_keys(self) -> tuple[str, ...]:
        """Keys of its patients, first to last."""
        return tuple(key_of(self.document(place)) for place in range(1, len(self.order) + 1))


@dataclass(frozen=True)
class Effort:
    """What is asked of the study.

    Parameters
    ----------
    patients : tuple of int
        After so many labelled patients a model is trained.
    pool : int
        Unlabelled scans that a seed draws, as far as there are so many.
    goal : float
        Dice on the test cases that is to be reached.
    annotator : Annotator
        Who labels.
    terms : Terms
        Groups are some of `GROUPS`.
    pretraining : BudgetConfig
        Of a seed's restoration run.
    costs : Costs
        Seconds that a click and a painted slice count for.
    """

    patients: tuple[int, ...]
    pool: int
    goal: float
    annotator: Annotator
    terms: Terms
    pretraining: BudgetConfig
    costs: Costs = USUAL

    def __post_init__(self) -> None:
        self.terms.check(GROUPS, self.patients)

    def drawn(self, draw: Draw) -> Draw:
        """Leave cases on which settings were chosen out of a draw.

        Raises
        ------
        UserError
            If too few are left, or the settings were chosen on one of these seeds or test cases.
        """
        frozen = self.terms.frozen
        frozen.refuse_reuse(self.terms.seeds, draw.test)
        pool = tuple(case for case in draw.pool if case not in frozen.chosen_on.cases)
        if max(self.patients) > min(self.pool, len(pool)):
            raise UserError(
                f"{max(self.patients)} patients of a pool of {self.pool} were asked for, and {len(pool)} completed "
                "cases neither test nor chose settings; nothing was started; lower --patients or --test, raise --pool"
            )
        return replace(draw, pool=pool, scans=pool)

    def common(self, project: Project, draw: Draw, folder: Path) -> Common:
        """Decide the grid of all runs from the images of the pool; kept in the study's folder."""
        return self.terms.common(project, draw.pool, folder, PRETRAINING)

    def journeys(self, project: Project, draw: Draw, common: Common, folder: Path) -> tuple[Journey, ...]:
        """List what is to be done, seed by seed; the own project of each is made in a folder, without any label."""
        return tuple(
            self._journey(project, draw, common, folder, group, seed)
            for seed in self.terms.seeds
            for group in dict.fromkeys(self.terms.groups)
        )

    def _journey(self, project: Project, draw: Draw, common: Common, folder: Path, group: str, seed: int) -> Journey:
        arm, scans = GROUPS[group], draw.train(min(self.pool, len(draw.pool)), seed)
        own = unlabelled(project, scans, folder / f"{group}-s{seed}-{fingerprint({'scans': scans})[:8]}")
        order = tuple(each.case for each in suggest(own)) if arm.suggested else scans
        cells = tuple(self._cells(group, seed, scans, order, draw, common))
        return Journey(group, seed, cells, self.annotator, own.root)

    def _cells(
        self, group: str, seed: int, scans: Sequence[str], order: Sequence[str], draw: Draw, common: Common
    ) -> Iterator[Cell]:
        arm, earlier = GROUPS[group], list[int]()
        start = self._start(seed, scans, common) if arm.pretrained else None
        for count in sorted(set(self.patients)):
            by: Document = {"by": arm.answered_by or "brush", **asdict(self.annotator)}
            if arm.predicted:
                by["trained_after"] = list(earlier)
            config = common.given_to(self.terms.config(group, arm.task, order[:count], (), seed, own=arm.settings))
            yield Cell(STUDY, group, count, seed, config, draw.test, (0,), start, by)
            earlier.append(count)

    def _start(self, seed: int, scans: Sequence[str], common: Common) -> Cell:
        config = self.terms.config(PRETRAINING, "restoration", sorted(scans), (), seed, budget=self.pretraining)
        return Cell(STUDY, PRETRAINING, len(scans), seed, common.given_to(config))


def unlabelled(project: Project, cases: Sequence[str], root: Path) -> Project:
    """Make a project of some scans of another one, which are only referenced, and of none of its labels.

    Parameters
    ----------
    root : Path
        Its folder; a project that is there is opened.
    """
    root = Path(root).resolve()
    if not (root / manifest.NAME).exists():
        records = tuple(
            CaseRecord(id=each.id, image=stored_path(root, each.image), series=each.series, modality=each.modality)
            for each in project.cases
            if each.id in cases
        )
        classes = tuple(ClassRecord(name=each.name, values=each.values) for each in project.classes)
        root.mkdir(parents=True, exist_ok=True)
        manifest.save(root, Manifest(classes=classes, cases=records))
    return Project.open(root)
