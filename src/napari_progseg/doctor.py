"""What this machine offers: versions, device, display, disk; and what is missing, with what to do about it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

_GIB = 2**30
_LEAST_FREE_GIB = 5.0
_QT_BINDINGS = ("PyQt6", "PySide6")
_GUI = 'pip install "napari-progseg[all]"'
_CORE = ("torch", "monai", "numpy", "SimpleITK", "nibabel", "pydicom", "highdicom", "python-gdcm")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the report.

    Parameters
    ----------
    name : str
        What is told.
    value : str
        What was found.
    remedy : str or None
        What to do where something is missing; None where all is well.
    """

    name: str
    value: str
    remedy: str | None = None


def facts(folder: Path | None = None) -> Iterator[Fact]:
    """Yield what will be used and what is missing.

    Parameters
    ----------
    folder : Path or None
        Where projects will be written; None means the working folder.
    """
    yield Fact("system", f"{platform.system()} {platform.release()}, {platform.machine()}")
    yield Fact("Python", f"{platform.python_version()} ({sys.executable})")
    yield _package("napari-progseg", None)
    yield from (_package(name, f"pip install {name}") for name in _CORE)
    yield _package("napari", _GUI)
    yield _qt()
    yield _device()
    yield _processor()
    yield _display()
    yield _disk(Path.cwd() if folder is None else folder)


def has_screen() -> bool:
    """Tell whether a window can be opened; only Linux and its kin need a display to be named."""
    if not sys.platform.startswith(("linux", "freebsd")):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _package(name: str, remedy: str | None) -> Fact:
    try:
        return Fact(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Fact(name, "not installed", remedy)


def _qt() -> Fact:
    for binding in _QT_BINDINGS:
        if importlib.util.find_spec(binding) is not None:
            return Fact("Qt binding", f"{binding} {metadata.version(binding)}")
    return Fact("Qt binding", "not installed", _GUI)


def _device() -> Fact:
    try:
        import torch
    except ImportError as error:
        return Fact("device", f"torch cannot be loaded: {error}", "pip install torch")
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        name = torch.cuda.get_device_name()
        return Fact("device", f"CUDA, {name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free")
    if torch.backends.mps.is_available():
        return Fact("device", "MPS (Apple GPU), memory shared with the system")
    if shutil.which("nvidia-smi"):
        remedy = "this torch was built without CUDA, or the driver is too old; see PyTorch's installation page"
        return Fact("device", "CPU, although an NVIDIA driver is here", remedy)
    return Fact("device", "CPU; the preset tiny is made for it")


def _processor() -> Fact:
    memory = psutil.virtual_memory()
    # where a container or a scheduler grants fewer cores than the machine has, training gets those
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{cores} threads, {memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB memory free"
    return Fact("processor", text)


def _display() -> Fact:
    if has_screen():
        return Fact("display", os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "the system's own")
    if shutil.which("xvfb-run"):
        return Fact("display", "none; the demo uses a virtual screen (Xvfb)")
    return Fact("display", "none", "install Xvfb for the demo and the tests: apt-get install xvfb xauth")


def _disk(folder: Path) -> Fact:
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free / _GIB
    remedy = None if free >= _LEAST_FREE_GIB else "make room: preprocessed volumes and checkpoints take gigabytes"
    return Fact("free disk", f"{free:.1f} GiB in {place}", remedy)
