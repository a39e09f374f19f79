"""Transfer between centres: the last layers of a model learn again (transfer paper; algorithms 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..data.splits import permutation
from ..errors import UserError
from ..project import Project
from ..samples.centre import CentreShift
from ..training.config import BudgetConfig, PresetName, RunConfig, apply_settings, preset_config
from .centres import write_two_centres
from .common import Common, common_to
from .frozen import FrozenSettings
from .grid import Cell
from .settled import check_asked, settled

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

        Raises
        ------
        UserError
            If the pool is too small for that.
        """
        test = permutation(self.pool, _FIXED)[:cases]
        pool = tuple(case for case in self.pool if case not in test)
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
    times as many as it trains on, as far as there are some.

    Raises
    ------
    UserError
        If there are too few completed cases.
    """
    split = project.split
    order = [*permutation(split.test, _FIXED), *permutation((*split.validation, *split.train), _FIXED)]
    needed = test + 2 * validation + source + patients
    if len(order) < needed:
        raise UserError(
            f"{len(order)} completed cases are too few for {source} source, {patients} target, {test} test and "
            f"{2 * validation} validation cases; nothing was started; lower --source, --patients or --test"
        )
    rest = iter(order)

    def take(count: int) -> tuple[str, ...]:
        return tuple(case for _, case in zip(range(count), rest, strict=False))

    tested, validated, learned, checked = take(test), take(validation), take(source), take(validation)
    pool = take(3 * patients)
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
    groups : tuple of str
        Some of `GROUPS`.
    seeds : tuple of int
        A seed draws target cases, weights and patches; the source model of a seed is trained once.
    budget : BudgetConfig
        Of every run, the source model's as well.
    settings : tuple of str
        ``section.field=value`` for all runs.
    """

    patients: int
    groups: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig
    preset: PresetName = "tiny"
    frozen: FrozenSettings = field(default_factory=FrozenSettings)
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_asked(self.groups, GROUPS, self.seeds, (self.patients,))

    def common(self, project: Project, centres: Centres, folder: Path) -> Common:
        """Decide the grid of all runs from the images of the source centre; kept in the study's folder."""
        config = preset_config(self.preset, "restoration", train=centres.source, budget=self.budget)
        return common_to(project, centres.source, apply_settings(config, list(self.settings)), folder)

    def cells(self, centres: Centres, common: Common) -> tuple[Cell, ...]:
        """List the runs seed by seed.

        Raises
        ------
        UserError
            If the frozen settings were chosen on one of these seeds or test cases.
        """
        self.frozen.refuse_reuse(self.seeds, centres.test)
        return tuple(self._cells(centres, common))

    def _cells(self, centres: Centres, common: Common) -> Iterator[Cell]:
        for seed in self.seeds:
            train = centres.target(self.patients, seed)
            source = self._config(SOURCE, centres.source, centres.source_validation, seed, common, starts=False)
            start = Cell(STUDY, SOURCE, len(centres.source), seed, source, centres.test)
            for group in self.groups:
                if group == SOURCE:
                    yield start
                    continue
                transfers = group != SCRATCH
                config = self._config(group, train, centres.validation, seed, common, starts=transfers)
                begun = start if transfers else None
                yield Cell(STUDY, group, self.patients, seed, config, centres.test, start=begun)

    def _config(
        self,
        group: str,
        train: Sequence[str],
        validation: Sequence[str],
        seed: int,
        common: Common,
        *,
        starts: bool,
    ) -> RunConfig:
        # a frozen network needs a run to start from, whose path is filled in when it runs
        config = preset_config(
            self.preset,
            "segmentation",
            train=tuple(train),
            validation=tuple(validation),
            seed=seed,
            budget=self.budget,
            init="." if starts else None,
        )
        return common.given_to(settled(config, group, self.frozen, self.settings, GROUPS[group]))
