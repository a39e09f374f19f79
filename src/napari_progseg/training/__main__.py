"""The child process: ``python -m napari_progseg.training RUN``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import torch

from ..errors import UserError
from .run import execute
from .watch import request


def main(run_dir: Path) -> int:
    """Train a run to its end; SIGTERM and Ctrl-C save and stop it."""

    def stop(number: int, frame: FrameType | None) -> None:
        request(run_dir, want="stop")

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    try:
        for _ in execute(run_dir, keep_request=True):
            pass
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
