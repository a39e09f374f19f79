"""What it brings that the starter learns from accepted patients, in whole volumes of ten persons of a kind.

``python benchmarks/learning.py SHARED/data --json learning.json`` measures the starter alone and one that learns from
patient to patient, begun with a click. ``--few N`` takes N persons of each set, ``--skip N`` leaves out the first N,
``--sets NAME,NAME`` chooses sets. Every row is printed when it is known.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from clicks import COUNTS, SETS, DataSet
from napari_progseg.data.persons import one_each
from napari_progseg.inference.click_model import load_starter
from napari_progseg.storage.atomic import write_json
from napari_progseg.training.learning_curve import LearningReport, evaluate_learning

CHOSEN = "hippocampus,myocardium,right ventricle,sarcoma MR"


def measure(data: Path, chosen: DataSet, few: int, skip: int, counts: tuple[int, ...], seed: int) -> LearningReport:
    """Measure one data set, one case of each person."""
    cases, classes = chosen.cases(data, None)
    by_id = {case.id: case for case in cases}
    ordered = [by_id[case] for case in one_each(by_id)[skip : skip + few]]
    return evaluate_learning(load_starter("cpu"), ordered, classes, counts=counts, seed=seed)


def rows_of(name: str, found: dict[str, Any]) -> list[str]:
    """Return the lines of the table: without learning, and with it."""
    lines = []
    for by in ("without", "learning"):
        means = [f"{means[by]:.3f}" for means in found["from_second_case"].values()]
        seconds = f"{found['seconds_a_lesson']['median']:.1f}" if by == "learning" else "–"
        lines.append(f"| {name} | {len(found['cases'])} | {by} | {' | '.join(means)} | {seconds} |")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the shared data")
    parser.add_argument("--sets", default=CHOSEN, help=f"some of: {', '.join(each.name for each in SETS)}")
    parser.add_argument("--few", type=int, default=10, help="persons of each set")
    parser.add_argument("--skip", type=int, default=0, help="persons of each set to leave out first")
    parser.add_argument("--clicks", default=",".join(map(str, COUNTS)), help="numbers of gestures")
    parser.add_argument("--seed", type=int, default=0, help="draws windows, clicks and batches of the learning")
    parser.add_argument("--json", type=Path, help="file for the reports")
    asked = parser.parse_args()
    names, counts = asked.sets.split(","), tuple(map(int, asked.clicks.split(",")))
    if unknown := set(names) - {each.name for each in SETS}:
        parser.error(f"there is no set {', '.join(sorted(unknown))}")
    print(f"| structures | patients | starter | {' | '.join(map(str, counts))} | s a patient |")
    print("|" + " --- |" * (len(counts) + 4))
    reports: dict[str, Any] = {}
    for chosen in (each for each in SETS if each.name in names):
        reports[chosen.name] = measure(asked.data, chosen, asked.few, asked.skip, counts, asked.seed).to_json()
        print("\n".join(rows_of(chosen.name, reports[chosen.name])), flush=True)
        if asked.json is not None:
            write_json(asked.json, reports)


if __name__ == "__main__":
    main()
