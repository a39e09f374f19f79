"""Choose the settings of a study on development seeds and cases, as many trials for every group.

``python benchmarks/tune_study.py STUDY PROJECT OUT SETTINGS.json --steps-per-run 600`` trains every candidate of every
group (see `CANDIDATES`), with seeds that the study does not report and scored on cases of the training pool that train
nothing here, and writes the best of each group to SETTINGS.json. Groups with clicks are judged after one click, the
others without any. Rows of finished trials lie in OUT/rows.jsonl and are not repeated. Give the same --test,
--validation, --preset and --set as the study.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from napari_progseg.evaluation.metrics import mean_of
from napari_progseg.project import Project
from napari_progseg.samples.centre import CentreShift
from napari_progseg.storage.atomic import write_json
from napari_progseg.studies import arms, transfer
from napari_progseg.studies.arms import ArmStudy
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.frozen import ChosenOn, FrozenSettings, Settings, Tried
from napari_progseg.studies.grid import Cell, CellScored, run_grid
from napari_progseg.studies.limited_data import LimitedData, pretraining_budget
from napari_progseg.studies.rows import Key, Row, RowFile
from napari_progseg.studies.terms import Terms
from napari_progseg.training.config import BudgetConfig

_FASTER: Settings = ("optimiser.rate=6e-3",)
_SLOWER: Settings = ("optimiser.rate=1e-3",)
# the preset as it is, faster and slower, and for limited-data one idea that belongs to the group
CANDIDATES: dict[str, dict[str, tuple[Settings, ...]]] = {
    "limited-data": {
        "Seg": ((), _SLOWER, _FASTER, ("augment.intensity=0.5",)),
        "SegPretrained": ((), _SLOWER, _FASTER, ("start.rate=0.3",)),
        "SegInter": ((), _SLOWER, _FASTER, ("clicks.none=0.3",)),
        "SegPretrainedInter": ((), _SLOWER, _FASTER, ("start.rate=0.3",)),
    },
    "pdl": dict.fromkeys(arms.PDL.settings, ((), _FASTER)),
    "pgps": dict.fromkeys(arms.PGPS.settings, ((), _FASTER)),
    "transfer": {group: ((), _FASTER, _SLOWER) for group in transfer.GROUPS if group != transfer.SOURCE},
}
# what is no question of the study: the source model is one and the same for all that start from it
GIVEN: dict[str, dict[str, Settings]] = {"transfer": {transfer.SOURCE: _FASTER}}


@dataclass(frozen=True)
class Trials:
    """The runs of each candidate, the folder of the project they run in, and the cases they are judged on."""

    cells: tuple[tuple[Cell, ...], ...]
    project: Path
    cases: tuple[str, ...]


def main() -> None:
    """Run the trials and write the choice."""
    asked = arguments()
    seeds = tuple(range(asked.first_seed, asked.first_seed + asked.seeds))
    trials = MAKERS[asked.study](asked)
    file = RowFile(asked.out)
    for event in run_grid(Project.open(trials.project), by_seed(trials.cells, seeds), file, device=asked.device):
        if isinstance(event, CellScored):
            print(f"{event.done}/{event.total} {event.row.group} {event.row.patients} {event.row.seed}", flush=True)
    known, candidates = file.read(), CANDIDATES[asked.study]
    dice = {group: tuple(judged(known, cells, group) for cells in trials.cells) for group in candidates}
    best = {group: max(range(len(values)), key=lambda n: values[n] or 0.0) for group, values in dice.items()}
    for group, values in dice.items():
        for trial, value in enumerate(values):
            mark = "chosen" if best[group] == trial else ""
            print(f"{group:20} {value or 0:.4f} {', '.join(candidates[group][trial]) or 'the preset as it is'} {mark}")
    chosen = {group: candidates[group][trial] for group, trial in best.items() if candidates[group][trial]}
    frozen = FrozenSettings(
        tried=Tried(per_group=len(trials.cells), settings=candidates, dice=dice),
        chosen_on=ChosenOn(
            preset=asked.preset,
            budget=f"{asked.steps_per_run:,} steps",
            patients=tuple(asked.patients),
            seeds=seeds,
            cases=trials.cases,
        ),
        groups=GIVEN.get(asked.study, {}) | chosen,
    )
    write_json(asked.settings_file, frozen.model_dump(mode="json"))


def frozen_trials(study: str) -> list[FrozenSettings]:
    """Return the settings of all groups for each trial."""
    candidates = CANDIDATES[study]
    count = len(next(iter(candidates.values())))
    given = GIVEN.get(study, {})
    return [
        FrozenSettings(groups=given | {group: each[trial] for group, each in candidates.items()})
        for trial in range(count)
    ]


def terms_of(asked: argparse.Namespace, groups: Iterable[str]) -> list[Terms]:
    """Return the terms of each trial."""
    seeds = tuple(range(asked.first_seed, asked.first_seed + asked.seeds))
    budget = BudgetConfig(steps=asked.steps_per_run)
    return [
        Terms(tuple(groups), seeds, budget, asked.preset, frozen, tuple(asked.settings))
        for frozen in frozen_trials(asked.study)
    ]


def drawn_trials(asked: argparse.Namespace, made: Callable[[Terms], LimitedData | ArmStudy]) -> Trials:
    """Make the trials of a study that draws its cases from one project."""
    project = Project.open(asked.project)
    draw = draw_cases(project, asked.test, asked.validation).development(asked.cases)
    studies = [made(terms) for terms in terms_of(asked, CANDIDATES[asked.study])]
    common = studies[0].common(project, draw, asked.out)
    return Trials(tuple(study.cells(draw, common) for study in studies), asked.project, draw.test)


def limited_data_trials(asked: argparse.Namespace) -> Trials:
    """Make the trials of the limited-data study."""
    patients = tuple(asked.patients)
    return drawn_trials(asked, lambda terms: LimitedData(patients, terms, pretraining_budget(terms.budget)))


def arms_trials(asked: argparse.Namespace) -> Trials:
    """Make the trials of a study of curricula."""
    return drawn_trials(asked, lambda terms: ArmStudy(arms.STUDIES[asked.study], tuple(asked.patients), terms))


def transfer_trials(asked: argparse.Namespace) -> Trials:
    """Make the trials of the transfer study, judged on target cases of the pool."""
    (patients,) = asked.patients
    sizes = {"source": asked.source, "patients": patients, "test": asked.test, "validation": asked.validation}
    both, centres = transfer.two_centres(
        Project.open(asked.project), asked.out, CentreShift(contour=asked.contour), **sizes
    )
    centres = centres.development(asked.cases)
    studies = [transfer.Transfer(patients, terms) for terms in terms_of(asked, CANDIDATES[asked.study])]
    common = studies[0].common(both, centres, asked.out)
    return Trials(tuple(study.cells(centres, common) for study in studies), both.root, centres.test)


MAKERS: dict[str, Callable[[argparse.Namespace], Trials]] = {
    "limited-data": limited_data_trials,
    "pdl": arms_trials,
    "pgps": arms_trials,
    "transfer": transfer_trials,
}


def by_seed(trials: Sequence[Sequence[Cell]], seeds: Sequence[int]) -> list[Cell]:
    """Order the work seed by seed, so that an interrupted choice has tried all candidates equally."""
    return [cell for seed in seeds for cell in chain.from_iterable(trials) if cell.seed == seed]


def judged(rows: dict[Key, Row], cells: Iterable[Cell], group: str) -> float | None:
    """Return the mean development Dice of a candidate: after one click where the group has clicks."""
    own = [cell for cell in cells if cell.group == group and cell.key in rows]
    return mean_of(rows[cell.key].mean("1" if 1 in cell.clicks else "0") for cell in own)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Choose the settings of a study.")
    parser.add_argument("study", choices=sorted(MAKERS))
    parser.add_argument("project", type=Path)
    parser.add_argument("out", type=Path, help="folder of rows.jsonl")
    parser.add_argument("settings_file", type=Path)
    parser.add_argument("--steps-per-run", type=int, required=True)
    parser.add_argument("--patients", type=int, nargs="+", default=[2])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--cases", type=int, default=8, help="development cases, of the training pool")
    parser.add_argument("--test", type=int, help="test cases of the study; none of them is used here")
    parser.add_argument("--validation", type=int, default=3)
    parser.add_argument("--source", type=int, default=100, help="source cases of the transfer study")
    parser.add_argument("--contour", type=int, default=0, help="contour shift of the transfer study, in voxels")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
