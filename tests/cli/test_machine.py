"""The demo finds or makes a screen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from napari_progseg import doctor
from napari_progseg.cli import app, machine


def demo(*words: str) -> Result:
    return CliRunner().invoke(app, ["demo", *words])


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool]]:
    """Put a recorder in the place of the window."""
    calls: list[tuple[Path, bool]] = []
    module = ModuleType("demo")
    module.main = lambda output, drive: calls.append((output, drive))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "napari_progseg.gui.demo", module)
    return calls


def test_with_a_screen_the_window_is_left_to_the_person(
    monkeypatch: pytest.MonkeyPatch, shown: list[tuple[Path, bool]], tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "has_screen", lambda: True)
    assert demo("--output", str(tmp_path)).exit_code == 0
    assert demo("--output", str(tmp_path), "--drive").exit_code == 0
    assert shown == [(tmp_path, False), (tmp_path, True)]


def test_without_a_screen_the_window_is_driven_on_a_virtual_one(
    monkeypatch: pytest.MonkeyPatch, shown: list[tuple[Path, bool]]
) -> None:
    started: dict[str, Any] = {}

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        started.update(command=command, **options)
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.setattr(doctor, "has_screen", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(machine.subprocess, "run", run)
    assert demo("--output", "there").exit_code == 7
    assert started["command"][0] == "/bin/xvfb-run"
    assert started["command"][-3:] == ["--drive", "--output", "there"]
    assert started["env"]["LIBGL_ALWAYS_SOFTWARE"] == "1"
    assert "QT_QPA_PLATFORM" not in started["env"]
    assert not shown


def test_without_any_screen_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "has_screen", lambda: False)
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    done = demo()
    assert done.exit_code == 2
    assert "xvfb" in done.stderr
