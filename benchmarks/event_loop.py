"""Stalls of the event loop during an annotator's day, beside those of bare napari doing the same layer operations.

``python benchmarks/event_loop.py`` drives both (some minutes; a virtual screen will do) and prints a row a step. A
stall is a time in which the window can react to nothing. Stalls above 200 ms are listed with the place where they
happened.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_FELT_SECONDS = 0.2


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the event loop's delays with those of bare napari.")
    parser.add_argument("--data", type=Path, help="folder with images/ and labels/ of hippocampus volumes")
    parser.add_argument("--long", action="store_true", help="minutes of training instead of seconds")
    parser.add_argument("--out", type=Path, help="keep what both leave, also the screenshots of the day")
    asked = parser.parse_args()
    shared = Path(os.environ.get("PROGSEG_SHARED_DATA", HERE.parents[1] / "shared" / "data"))
    data = asked.data or shared / "msd_hippocampus"
    if not (data / "images").is_dir():
        raise SystemExit(f"{data / 'images'} is no folder; nothing was started; name the data with --data")
    with tempfile.TemporaryDirectory() as own:
        folder = asked.out or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        bare, day = folder / "bare.json", folder / "day"
        drive("bare_napari.py", data, bare)
        drive("annotators_day.py", data, day, *([] if asked.long else ["--short"]))
        show("bare napari", read(bare))
        show("the dock", read(day / "delays.json"))


def drive(script: str, *words: object) -> None:
    """Run a script of this folder and wait for it."""
    subprocess.run([sys.executable, HERE / script, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def read(path: Path) -> dict[str, Any]:
    """Read what `heartbeat.write_delays` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def show(name: str, steps: dict[str, Any]) -> None:
    """Print one row a step, then the stalls that a user feels."""
    print(f"{name:24}{'99th percentile':>16}{'longest':>10}")
    for step, found in steps.items():
        if step != "photograph":
            longest = 1000 * found["longest"][0]["seconds"] if found["longest"] else 0
            print(f"  {step:22}{found['p99_ms']:13.0f} ms{longest:7.0f} ms")
    for step, found in steps.items():
        for stall in found["longest"] if step != "photograph" else ():
            if stall["seconds"] > _FELT_SECONDS:
                print(f"  {1000 * stall['seconds']:.0f} ms in {step}: {stall['stack']}")


if __name__ == "__main__":
    main()
