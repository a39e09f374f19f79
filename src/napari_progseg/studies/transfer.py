"""Transfer between centres: the last layers of a model learn again (transfer paper; algorithms 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..data.persons import deal, without
from ..data.splits import permutation
from ..errors import UserError
from ..project import Project
from ..samples.centre import CentreShift
from ..training.config import RunConfig
from .centres import write_two_centres
from .common import Common
from .draw import DEVELOPMENT
from .grid import Cell
from .terms import Terms

STUDY = "transfer"
SOURCE, SCRATCH = "S", "T"
GROUPS: dict[str, tuple[str, ...]] = {
    SOURCE: (),
    SCRATCH: (),
    "ST-head": ("freeze.policy=head",),
    "ST-4": ("freeze.policy=last_k", "freeze.last=4"),
    "ST-10": ("freeze.policy=last_k", "freeze.last=10"),
    "ST-20": ("freeze.policy=last_k", "freeze.last=20"),
    "ST-all": ("freeze.policy=none",),
}
_FIXED = 0


@dataclass(frozen=True)
class Centres:
    """Cases of the two centres, by their names in the study's project.

    Parameters
    ----------
    source : tuple of str
        Source cases; all train.
    pool : tuple of str
        Target cases that a seed draws its training cases from.
    validation, test : tuple of str
        Target cases, the same for all seeds and groups.
    source_validation : tuple of str
        Source cases.
    """

    source: tuple[str, ...]
    source_validation: tuple[str, ...]
    pool: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def target(self, patients: int, seed: int) -> tuple[str, ...]:
        """Return the target training cases of a seed."""
        return permutation(self.pool, seed)[:patients]

    def development(self, cases: int) -> Centres:
        """Return centres for choosing settings: tested on target cases of the pool, which then train nothing.

        No seed of a study draws them, see `Draw.development`.

        Raises
        ------
        UserError
            If the pool is too small for that.
        """
        test = permutation(self.pool, DEVELOPMENT)[:cases]
        pool = without(self.pool, test)
        if not pool:
            raise UserError(
                f"{cases} development cases were asked for and the pool holds {len(self.pool)}; nothing was started; "
                "ask for fewer, so that some are left to train on"
            )
        return replace(self, pool=pool, test=test)


def two_centres(
    project: Project, folder: Path, shift: CentreShift, *, source: int, patients: int, test: int, validation: int
) -> tuple[Project, Centres]:
    """Divide the completed cases of a project into two centres, and make a project of both in a folder.

    The test cases come from the project's test part first. A seed draws its target training cases from a pool of three
    times as many as it trains on, as far as there are some. Nobody stands in two parts, not with another scan either.

    Raises
    ------
    UserError
        If there are too few completed cases.
    """
    split = project.split
    order = [*permutation(split.test, _FIXED), *permutation((*split.validation, *split.train), _FIXED)]
    sizes = (test, validation, source, validation, 3 * patients)
    tested, validated, learned, checked, pool = parts = deal(order, sizes)
    if len(pool) < patients or any(len(part) < size for part, size in zip(parts[:-1], sizes, strict=False)):
        raise UserError(
            f"{len(order)} completed cases are too few for {source} source, {patients} target, {test} test and "
            f"{2 * validation} validation cases; nothing was started; lower --source, --patients or --test"
        )
    scans = write_two_centres(project, (*learned, *checked), (*tested, *validated, *pool), shift, folder / "scans")
    root = folder / "project"
    values = {each.name: each.values for each in project.classes}
    made = (
        Project.open(root)
        if (root / "progseg.json").exists()
        else Project.create(root, scans / "images", scans / "labels", values)
    )
    return made, Centres(
        _of_centre("a", learned),
        _of_centre("a", checked),
        _of_centre("b", pool),
        _of_centre("b", validated),
        _of_centre("b", tested),
    )


def _of_centre(centre: str, cases: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{centre}_{case}" for case in cases)


@dataclass(frozen=True)
class Transfer:
    """What is asked of the study.

    Parameters
    ----------
    patients : int
        Target training cases.
    terms : Terms
        Groups are some of `GROUPS`; the source model of a seed is trained once, with the same budget.
    """

    patients: int
    terms: Terms

    def __post_init__(self) -> None:
        self.terms.check(GROUPS, (self.patients,))

    def common(self, project: Project, centres: Centres, folder: Path) -> Common:
        """Decide the grid of all runs from the images of the source centre; kept in the study's folder."""
        return self.terms.common(project, centres.source, folder)

    def cells(self, centres: Centres, common: Common) -> tuple[Cell, ...]:
        """List the runs.

        Raises
        ------
        UserError
            If the frozen settings were chosen on one of these seeds or test cases.
        """
        self.terms.frozen.refuse_reuse(self.terms.seeds, centres.test)
        places = self.terms.places((self.patients,))
        return tuple(self._cell(group, patients, seed, centres, common) for seed, patients, group in places)

    def _cell(self, group: str, patients: int, seed: int, centres: Centres, common: Common) -> Cell:
        source = self._config(SOURCE, centres.source, centres.source_validation, seed, common)
        start = Cell(STUDY, SOURCE, len(centres.source), seed, source, centres.test)
        if group == SOURCE:
            return start
        transfers = group != SCRATCH
        train = centres.target(patients, seed)
        config = self._config(group, train, centres.validation, seed, common, starts=transfers)
        return Cell(STUDY, group, patients, seed, config, centres.test, start=start if transfers else None)

    def _config(
        self,
        group: str,
        train: Sequence[str],
        validation: Sequence[str],
        seed: int,
        common: Common,
        *,
        starts: bool = False,
    ) -> RunConfig:
        # a frozen network needs a run to start from, whose path is filled in when it runs
        init = "." if starts else None
        config = self.terms.config(group, "segmentation", train, validation, seed, own=GROUPS[group], init=init)
        return common.given_to(config)
