"""One development trial of ``docs/results/first-path.md``: settings tried on volumes that the page does not report.

``python benchmarks/development.py PROJECT TASK VOLUMES SEED STEPS [SECTION.FIELD=VALUE ...]`` trains preset tiny on
VOLUMES volumes of the project's training part, drawn by SEED, and prints Dice after 0, 1 and 3 clicks on 16 fixed
volumes of the same part that no trial trains on.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from napari_progseg.inference.cases import project_cases
from napari_progseg.inference.evaluate import evaluate_run
from napari_progseg.project import Project
from napari_progseg.training.config import Task, apply_settings, preset_config
from napari_progseg.training.run import create_run, execute

CASES, CASES_SEED, VALIDATION, CLICKS = 16, 777, 2, (0, 1, 3)


def main(folder: Path, task: Task, volumes: int, seed: int, steps: int, settings: list[str]) -> None:
    """Train, score and print one line of JSON."""
    project = Project.open(folder)
    pool = sorted(project.split.train)
    cases = np.random.default_rng(CASES_SEED).permutation(pool)[:CASES].tolist()
    rest = [case for case in pool if case not in cases]
    drawn = np.random.default_rng(seed).permutation(rest)[: volumes + VALIDATION].tolist()
    train, validation = tuple(drawn[:volumes]), tuple(drawn[volumes:])
    config = preset_config("tiny", task, train=train, validation=validation, seed=seed, budget={"steps": steps})
    run = create_run(project, apply_settings(config, settings))
    for _ in execute(run):
        pass
    dice = evaluate_run(run, project_cases(project, cases), clicks=CLICKS).to_json()["clicks"]
    print(
        json.dumps({"task": task, "volumes": volumes, "seed": seed, "steps": steps, "settings": settings, "dice": dice})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]), sys.argv[6:])  # type: ignore[arg-type]
