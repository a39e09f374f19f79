"""The numbers of ``docs/results/first-path.md``: train and score on real hippocampi, three seeds an arm.

``python benchmarks/first_path.py IMAGES LABELS OUT`` makes the project in OUT, runs what is not there yet (a finished
run is never repeated, so the grid can be interrupted) and prints a table. Each run is five minutes of training by the
command line, then ``progseg evaluate`` on 20 test volumes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

MINUTES, SEEDS, TEST = "5", (0, 1, 2), "20"
# arm: task, training volumes, settings
ARMS: dict[str, tuple[str, str, list[str]]] = {
    "seg10": ("segmentation", "10", []),
    "seg2": ("segmentation", "2", ["--set", "model.dims=2"]),
    "int2": ("interactive", "2", ["--set", "model.dims=2"]),
}


def main(images: Path, labels: Path, out: Path) -> None:
    """Run the grid seed by seed, and print what it gave."""
    project = out / "project"
    if not (project / "progseg.json").exists():
        progseg("init", project, "--images", images, "--labels", labels, "--classes", "hippocampus=1+2")
    for seed in SEEDS:
        for arm in ARMS:
            score(project, out, arm, seed)
    for arm in ARMS:
        show(arm, [json.loads(result_of(out, arm, seed).read_text(encoding="utf-8")) for seed in SEEDS])


def score(project: Path, out: Path, arm: str, seed: int) -> None:
    """Train and evaluate one run, unless its result is there."""
    result = result_of(out, arm, seed)
    if result.exists():
        return
    task, volumes, settings = ARMS[arm]
    name = f"{arm}-seed{seed}"
    given = ["--preset", "tiny", "--train", volumes, "--minutes", MINUTES, "--seed", seed, *settings]
    progseg("train", project, "--task", task, "--name", name, *given)
    run = sorted((project / "runs").glob(f"*-{name}"))[-1]
    progseg("evaluate", run, "--cases", TEST, "--clicks", "0,1,3", "--json", result)


def result_of(out: Path, arm: str, seed: int) -> Path:
    """Return where a result lies."""
    return out / f"{arm}-seed{seed}.json"


def progseg(*words: object) -> None:
    """Run the command line and show it."""
    command = [sys.executable, "-m", "napari_progseg.cli", *map(str, words)]
    print("progseg", *words, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def show(arm: str, results: list[dict[str, Any]]) -> None:
    """Print one arm: every number of clicks, then the control with object-free slices emptied."""
    rows = {f"{count} clicks": [r["clicks"][count] for r in results] for count in results[0]["clicks"]}
    for count in results[0]["clicks"]:
        rows[f"{count} emptied"] = [result["object_free_slices_emptied"][count] for result in results]
    for what, values in rows.items():
        each = ", ".join(f"{value:.3f}" for value in values)
        print(f"{arm:6} {what:9} mean {statistics.mean(values):.3f}   seeds {each}")


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:4]))
