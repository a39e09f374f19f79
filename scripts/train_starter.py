"""Go on with the training of the starter for some minutes, and keep the weights if they are better.

    .venv/bin/python scripts/train_starter.py --shapes FOLDER --minutes 10

Begins with the weights that are in the package (``--from scratch`` begins anew), trains on generated tasks alone, on
the GPU where there is one, and measures old and new weights on the same generated tasks, which nobody trains on. The
weights are replaced if the new ones mark these better; either way ``docs/results/starter/hours.jsonl`` gets a line.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch

from napari_progseg.data.synthesis.bank import read_bank
from napari_progseg.networks.click_unet import ClickUnet
from napari_progseg.networks.starter_weights import WEIGHTS, read_weights, write_weights
from napari_progseg.storage.atomic import write_text
from napari_progseg.training.held_out import measure_held_out
from napari_progseg.training.starter import StarterRecipe, averaged, train_starter

ROOT = Path(__file__).parents[1]
HOURS = ROOT / "docs" / "results" / "starter" / "hours.jsonl"
ON_CPU = ((32, 8), (48, 4))
ON_GPU = ((32, 64), (48, 32), (64, 16))
SAVE_EVERY = 240.0
UNFINISHED = ".unfinished.safetensors"


def main() -> None:
    """Train, measure, and keep what is better."""
    asked = _arguments()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = ClickUnet()
    before: dict[str, Any] | None = None
    if asked.begin != "scratch":
        network.load_state_dict(read_weights(WEIGHTS if asked.begin == "package" else Path(asked.begin)))
        before = measure_held_out(network.to(device))
        print(f"before: {_line(before)}", flush=True)
    if not asked.minutes:
        return
    new, report = _train(network.to(device, memory_format=torch.channels_last_3d), device, asked)
    after = measure_held_out(new)
    better = before is None or after["mean"] > before["mean"]
    print(f"after:  {_line(after)}; {'kept' if better else 'not better, thrown away'}", flush=True)
    if better:
        write_weights(asked.out, new)
    asked.out.with_suffix(UNFINISHED).unlink(missing_ok=True)
    row = {**report, "begin": asked.begin, "before": before, "after": after, "kept": better}
    old = HOURS.read_text("utf-8") if HOURS.exists() else ""
    write_text(HOURS, old + json.dumps(row) + "\n")


def _train(
    network: ClickUnet, device: torch.device, asked: argparse.Namespace
) -> tuple[torch.nn.Module, dict[str, Any]]:
    generator = torch.Generator(device).manual_seed(asked.seed)
    bank = read_bank(asked.shapes).to(device) if asked.shapes is not None else None
    recipe = StarterRecipe(
        asked.minutes,
        sizes=ON_GPU if device.type == "cuda" else ON_CPU,
        early=0.3 if asked.begin == "scratch" else 0.0,
        rate=2e-3 if asked.begin == "scratch" else 1e-3,
        bfloat16=device.type == "cuda" or asked.bfloat16,
    )
    average = averaged(network)
    began = saved = told = time.monotonic()
    losses: list[float] = []
    for done in train_starter(network, average, recipe, generator, bank):
        losses.append(done.loss)
        now = time.monotonic()
        if now - saved > SAVE_EVERY:
            saved = now
            write_weights(asked.out.with_suffix(UNFINISHED), average)
        if now - told > 30:
            told = now
            recent = sum(losses[-100:]) / len(losses[-100:])
            print(f"{done.progress:6.1%}  step {done.step}, {done.samples} windows, loss {recent:.3f}", flush=True)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return average, {
        "minutes": round((time.monotonic() - began) / 60, 1),
        "steps": done.step,
        "windows": done.samples,
        "machine": machine,
        "python": platform.python_version(),
        "seed": asked.seed,
        "shapes": bank is not None,
    }


def _line(found: dict[str, Any]) -> str:
    return ", ".join(f"{value:.3f} after {count}" for count, value in found["dice"].items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--minutes", type=float, required=True, help="length of the training, measurements not counted; 0 measures only"
    )
    parser.add_argument("--shapes", type=Path, help="folder of the shape bank; without it shapes are generated alone")
    parser.add_argument(
        "--from", dest="begin", default="package", metavar="package|scratch|FILE", help="weights to begin with"
    )
    parser.add_argument("--bfloat16", action="store_true", help="also on a CPU, where it has AVX512-BF16 or AMX")
    parser.add_argument("--seed", type=int, default=0, help="another one for every part of the training")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="file of weights to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
