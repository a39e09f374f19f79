"""Choose the settings of the limited-data study on development seeds and cases, as many trials for every arm.

``python benchmarks/tune_limited_data.py PROJECT OUT SETTINGS.json --steps-per-run 1500`` trains every candidate of
every group (see `CANDIDATES`), with seeds that the study does not report and scored on cases of the training pool that
train nothing here, and writes the best of each group to SETTINGS.json. Groups with clicks are judged after one click,
the others without any. Rows of finished trials lie in OUT/rows.jsonl and are not repeated. Give the same --test,
--validation, --preset and --set as the study.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from napari_progseg.evaluation.metrics import mean_of
from napari_progseg.project import Project
from napari_progseg.storage.atomic import write_json
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.frozen import ChosenOn, FrozenSettings, Tried
from napari_progseg.studies.grid import Cell, CellScored, run_grid
from napari_progseg.studies.limited_data import GROUPS, LimitedData, pretraining_budget
from napari_progseg.studies.rows import Key, Row, RowFile
from napari_progseg.training.config import BudgetConfig

# the preset as it is, slower, faster, and one idea that belongs to the group
CANDIDATES: dict[str, tuple[tuple[str, ...], ...]] = {
    "Seg": ((), ("optimiser.rate=1e-3",), ("optimiser.rate=6e-3",), ("augment.intensity=0.5",)),
    "SegPretrained": ((), ("optimiser.rate=1e-3",), ("optimiser.rate=6e-3",), ("start.rate=0.3",)),
    "SegInter": ((), ("optimiser.rate=1e-3",), ("optimiser.rate=6e-3",), ("clicks.none=0.3",)),
    "SegPretrainedInter": ((), ("optimiser.rate=1e-3",), ("optimiser.rate=6e-3",), ("start.rate=0.3",)),
}


def main() -> None:
    """Run the trials and write the choice."""
    asked = arguments()
    project = Project.open(asked.project)
    draw = draw_cases(project, asked.test, asked.validation).development(asked.cases)
    seeds = tuple(range(asked.first_seed, asked.first_seed + asked.seeds))
    budget = BudgetConfig(steps=asked.steps_per_run)
    per_group = min(len(each) for each in CANDIDATES.values())
    trials = [
        LimitedData(
            patients=tuple(asked.patients),
            groups=tuple(GROUPS),
            seeds=seeds,
            budget=budget,
            pretraining=pretraining_budget(budget),
            preset=asked.preset,
            frozen=FrozenSettings(groups={group: CANDIDATES[group][trial] for group in GROUPS}),
            settings=tuple(asked.settings),
        )
        for trial in range(per_group)
    ]
    common = trials[0].common(project, draw, asked.out)
    cells = [study.cells(draw, common) for study in trials]
    file = RowFile(asked.out)
    for event in run_grid(project, by_seed(cells, seeds), file, device=asked.device):
        if isinstance(event, CellScored):
            print(f"{event.done}/{event.total} {event.row.group} {event.row.patients} {event.row.seed}", flush=True)
    known = file.read()
    dice = {group: tuple(judged(known, trial, group) for trial in cells) for group in GROUPS}
    best = {group: max(range(per_group), key=lambda trial: values[trial] or 0.0) for group, values in dice.items()}
    for group, values in dice.items():
        for trial, value in enumerate(values):
            mark = "chosen" if best[group] == trial else ""
            print(f"{group:20} {value or 0:.4f} {', '.join(CANDIDATES[group][trial]) or 'the preset as it is'} {mark}")
    chosen = FrozenSettings(
        tried=Tried(per_group=per_group, settings={g: CANDIDATES[g][:per_group] for g in GROUPS}, dice=dice),
        chosen_on=ChosenOn(
            preset=asked.preset,
            budget=f"{asked.steps_per_run:,} steps",
            patients=tuple(asked.patients),
            seeds=seeds,
            cases=draw.test,
        ),
        groups={group: CANDIDATES[group][trial] for group, trial in best.items() if CANDIDATES[group][trial]},
    )
    write_json(asked.settings_file, chosen.model_dump(mode="json"))


def by_seed(trials: Sequence[Sequence[Cell]], seeds: Sequence[int]) -> list[Cell]:
    """Order the work seed by seed, so that an interrupted choice has tried all candidates equally."""
    return [cell for seed in seeds for cell in chain.from_iterable(trials) if cell.seed == seed]


def judged(rows: dict[Key, Row], cells: Iterable[Cell], group: str) -> float | None:
    """Return the mean development Dice of a candidate: after one click where the group has clicks."""
    measure = "1" if GROUPS[group].task == "interactive" else "0"
    return mean_of(rows[cell.key].mean(measure) for cell in cells if cell.group == group and cell.key in rows)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Choose the settings of the limited-data study.")
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
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--device", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
