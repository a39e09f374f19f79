"""What the doctor reports."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from napari_progseg import doctor


def named(name: str, folder: Path | None = None) -> doctor.Fact:
    return next(fact for fact in doctor.facts(folder) if fact.name == name)


def test_versions_are_those_of_the_installed_packages() -> None:
    assert named("torch").value == metadata.version("torch")
    assert named("napari-progseg").remedy is None


def test_a_missing_package_comes_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without_napari(name: str) -> str:
        if name == "napari":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor.metadata, "version", without_napari)
    fact = named("napari")
    assert fact.value == "not installed"
    assert fact.remedy == 'pip install "napari-progseg[all]"'


def test_disk_space_is_told_for_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert named("free disk", tmp_path / "new" / "project").value.endswith(str(tmp_path))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux names its display")
def test_a_machine_without_screen_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not doctor.has_screen()
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert "xvfb" in str(named("display").remedy)
    monkeypatch.setenv("DISPLAY", ":7")
    assert doctor.has_screen()
    assert named("display").value == ":7"
