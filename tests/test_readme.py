"""The quick starts of the README run as they stand there, only shorter."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app

README = Path(__file__).resolve().parents[1] / "README.md"
pytestmark = pytest.mark.slow


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_first_commands_are_those_of_the_makefile() -> None:
    makefile = (README.parent / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", blocks("sh")[0], re.MULTILINE)
    assert targets == ["demo", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)


def test_the_command_line_quick_start_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (script,) = (block for block in blocks("sh") if "progseg train" in block)
    lines = [line for line in script.replace("--minutes 5", "--steps 2 --set model.width=4").splitlines() if line]
    assert len(lines) == 11
    for line in lines:
        words = shlex.split(line, comments=True)
        assert words[0] == "progseg"
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, f"{line}\n{done.output}"
    assert (tmp_path / "dice.json").is_file()
    assert len(list((tmp_path / "masks").iterdir())) == 12


def test_the_python_quick_start_runs(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["sample", str(tmp_path / "scans"), "--patients", "6"])
    (script,) = blocks("python")
    short = script.replace('{"minutes": 5}', '{"steps": 2}')
    assert short != script
    done = subprocess.run(
        [sys.executable, "-c", short], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Finished" in done.stdout
