"""Commands about this machine: ``demo`` and ``doctor``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError

_DEMO = "napari_progseg.gui.demo"


def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for screenshots, labels and the Dice table of a driven window.")
    ] = Path("demo-output"),
    drive: Annotated[bool, typer.Option("--drive", help="Drive the window; without a screen it always is.")] = False,
) -> None:
    """Run the main job on sample data in the real window: open, click, train, watch Dice, predict, save."""
    from ..doctor import has_screen

    if importlib.util.find_spec("napari") is None:
        raise UserError('the demo needs napari, which is not installed; run pip install "napari-progseg[all]"')
    if not has_screen():
        raise typer.Exit(_under_virtual_screen(output))
    # by name: the command line and the window do not know each other, and without this command napari is not needed
    importlib.import_module(_DEMO).main(output.absolute(), drive=drive)


def doctor() -> None:
    """Print what will be used (device, memory, display, versions) and what is missing."""
    from ..doctor import facts

    missing = []
    for fact in facts():
        typer.echo(f"{fact.name:24} {fact.value}")
        if fact.remedy:
            missing.append(fact)
    typer.echo("")
    for fact in missing:
        typer.echo(f"{fact.name}: {fact.remedy}")
    if not missing:
        typer.echo("nothing is missing")


def _under_virtual_screen(output: Path) -> int:
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise UserError(
            "there is no screen and no virtual one; nothing was started; "
            "install Xvfb (apt-get install xvfb xauth) or run this where a screen is"
        )
    typer.echo("no screen here: the window opens on a virtual one (Xvfb)")
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    environment["LIBGL_ALWAYS_SOFTWARE"] = "1"
    command = [xvfb, "-a", "-s", "-screen 0 1280x1024x24", sys.executable, "-m", "napari_progseg.cli", "demo"]
    command += ["--drive", "--output", str(output)]
    return subprocess.run(command, env=environment, check=False).returncode
