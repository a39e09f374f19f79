"""The house itself: what may import what, what an import costs, how long a file may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "napari_progseg"
NAME = PACKAGE.name
MOST_LINES = 400

GUI_LIBRARIES = {"napari", "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "magicgui", "superqt", "vispy", "pyqtgraph"}
HEAVY = {"torch", "monai"} | GUI_LIBRARIES

# Ground floor first: a room imports itself and rooms above it in this list. A module's room is the entry with the
# longest matching prefix. Settings and events are values that every floor may hold; the plan says what network to
# build and what patches to cut; splits and persons are part of a project.
ROOMS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("geometry",),
    ("placement",),
    ("volume",),
    ("storage",),
    ("training.config", "training.presets", "training.events"),
    ("evaluation",),
    ("guidance",),
    ("restoration",),
    ("shape",),
    ("io",),
    ("samples",),
    ("similarity",),
    (
        "project",
        "predictions",
        "case",
        "classes",
        "enrolment",
        "manifest",
        "matching",
        "lineage",
        "data.splits",
        "data.persons",
    ),
    ("schedules",),
    ("data.plan", "data.grid"),
    ("networks",),
    ("data",),
    ("inference",),
    ("tasks",),
    ("training",),
    ("suggest",),
    ("studies",),
    ("summary",),
    ("doctor",),
    ("cli",),
    ("gui",),
)


def module_of(path: Path) -> str:
    """Name a file's module below the package, such as ``io.nifti``; '' is the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def tree_of(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text(encoding="utf-8"))


def room_of(module: str) -> int:
    """Return the floor of a module; the package's own ``__init__`` is below all."""
    if not module:
        return -1
    fitting = [
        (len(prefix), floor)
        for floor, prefixes in enumerate(ROOMS)
        for prefix in prefixes
        if f"{module}.".startswith(f"{prefix}.")
    ]
    assert fitting, f"{module} belongs to no room: add it to ROOMS here and to the map in CONTRIBUTING.md"
    return max(fitting)[1]


def imported_modules(module: str) -> Iterator[str]:
    """Yield the modules of this package that a module imports anywhere, also inside functions."""
    package = module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (
                alias.name.removeprefix(f"{NAME}.") for alias in node.names if alias.name.startswith(f"{NAME}.")
            )
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, package)
            if base is not None:
                yield from (inner if (inner := joined(base, alias.name)) in SOURCES else base for alias in node.names)


def absolute(node: ast.ImportFrom, package: str) -> str | None:
    """Return what an import statement starts from, relative to the package; None for other packages."""
    if node.level == 0:
        module = node.module or ""
        return module.removeprefix(NAME).lstrip(".") if module.split(".")[0] == NAME else None
    parts = package.split(".") if package else []
    above = parts[: len(parts) - (node.level - 1)]
    return ".".join([*above, *([node.module] if node.module else [])])


def joined(base: str, name: str) -> str:
    return f"{base}.{name}" if base else name


def foreign_imports(module: str) -> set[str]:
    """Return the top-level names of other packages that a module imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def loaded_by(statement: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
    return set(done.stdout.split())


@pytest.mark.parametrize("module", SOURCES)
def test_a_room_imports_only_rooms_above_it(module: str) -> None:
    own = room_of(module)
    wrong = {other for other in imported_modules(module) if room_of(other) > own}
    assert not wrong, f"{module} imports {wrong}, which live below it"


@pytest.mark.parametrize("module", [name for name in SOURCES if not name.startswith("gui")])
def test_the_core_does_not_know_the_window(module: str) -> None:
    assert not foreign_imports(module) & GUI_LIBRARIES


def test_command_line_and_window_do_not_know_each_other() -> None:
    for module in SOURCES:
        room, others = module.split(".")[0], {other.split(".")[0] for other in imported_modules(module)}
        assert not (room == "gui" and "cli" in others)
        assert not (room == "cli" and "gui" in others)


def test_the_walk_sees_relative_and_absolute_imports() -> None:
    assert "storage.atomic" in set(imported_modules("io.nifti"))
    assert "io.inspect" in set(imported_modules("cli.files"))


def test_importing_the_package_is_light() -> None:
    assert not loaded_by(f"import {NAME}") & HEAVY


def test_importing_the_command_line_is_light() -> None:
    assert not loaded_by(f"import {NAME}.cli") & (HEAVY | {"numpy", "scipy", "nibabel", "SimpleITK", "matplotlib"})


def test_modules_of_the_manifest_import_no_torch() -> None:
    manifest = yaml.safe_load((PACKAGE / "napari.yaml").read_text(encoding="utf-8"))
    commands = manifest["contributions"]["commands"]
    modules = sorted({command["python_name"].split(":")[0] for command in commands})
    assert f"{NAME}.gui.hooks" in modules
    assert not loaded_by("import " + ", ".join(modules)) & {"torch", "monai"}


def test_reading_files_and_projects_imports_no_torch() -> None:
    assert not loaded_by(f"import {NAME}.project, {NAME}.io.inspect, {NAME}.training.config") & HEAVY


@pytest.mark.parametrize("module", SOURCES)
def test_a_file_is_not_too_long(module: str) -> None:
    assert len(SOURCES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES
