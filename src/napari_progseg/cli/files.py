"""Commands about files and projects: ``init``, ``add``, ``relocate``, ``modality``, ``check`` and ``sample``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .text import shape, spacing, table

if TYPE_CHECKING:
    from ..io.inspect import Finding

UNUSABLE = 1
_MOST_VALUES = 12


def init(
    project: Annotated[Path, typer.Argument(help="Folder of the new project.")],
    images: Annotated[Path, typer.Option(help="Folder of scans; they are referenced, never copied or changed.")],
    labels: Annotated[Path | None, typer.Option(help="Folder of label files, matched to the scans by name.")] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(help="name=value, several values joined by +, several classes by a comma: hippocampus=1+2"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which cases validate and test.")] = 0,
) -> None:
    """Make a project of a folder of scans and, if there is one, a folder of labels."""
    from ..project import Project, parse_classes

    named = parse_classes(",".join(classes)) if classes else None
    made = Project.create(project, images, labels, named, seed=seed)
    structures = ", ".join(f"{each.name}={'+'.join(map(str, each.values))}" for each in made.classes)
    split = made.split
    typer.echo(f"{len(made.cases)} cases, {len(made.completed)} of them completed; classes: {structures}")
    typer.echo(f"{len(split.train)} train, {len(split.validation)} validate, {len(split.test)} test")
    for problem in made.problems:
        typer.echo(f"note: {problem}")
    typer.echo(f"project: {project}")


def add(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    images: Annotated[Path, typer.Option(help="Folder of scans; those that the project knows are passed over.")],
    labels: Annotated[Path | None, typer.Option(help="Folder of label files, matched to the scans by name.")] = None,
) -> None:
    """Add further scans to a project; no patient changes its part of the split."""
    from ..project import Project

    opened = Project.open(project)
    new = opened.add_cases(images, labels)
    done = {case.id for case in opened.completed}
    typer.echo(f"{len(new)} new cases, {len(done & set(new))} of them completed; {len(opened.cases)} in all")


def relocate(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    images: Annotated[Path, typer.Option(help="Folder where the scans are now.")],
    labels: Annotated[Path | None, typer.Option(help="Where label files are now that were not drawn here.")] = None,
) -> None:
    """Tell a project where its scans were moved to."""
    from ..project import Project

    opened = Project.open(project)
    found = opened.relocate(images, labels)
    typer.echo(f"{len(found)} of {len(opened.cases)} cases found in {images}")


def modality(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    kind: Annotated[Literal["ct", "mr", "file"], typer.Argument(help="What the scans are; file: as their files say.")],
    cases: Annotated[str | None, typer.Option(help="ID,ID of some cases; all if not said.")] = None,
) -> None:
    """Say that scans are CT or MR, where their files say it wrong or not at all."""
    from ..project import Project

    opened = Project.open(project)
    chosen = None if cases is None else cases.split(",")
    opened.set_modality(None if kind == "file" else kind, chosen)
    count = len(opened.cases) if chosen is None else len(chosen)
    typer.echo(f"{count} cases are {'what their files say' if kind == 'file' else kind.upper()}")


def check(
    paths: Annotated[list[Path], typer.Argument(help="Files, DICOM series folders, or folders to walk.")],
    json: Annotated[Path | None, typer.Option(help="Also write the findings to this file.")] = None,
) -> None:
    """Say of every file what it is and whether it can be used; exit status 1 if one cannot."""
    from ..io.inspect import inspect_paths
    from ..storage.atomic import write_json

    findings = inspect_paths(paths)
    typer.echo(table(_HEADINGS, [_row(finding) for finding in findings]))
    unusable = sum(not finding.usable for finding in findings)
    typer.echo(f"{len(findings)} checked, {unusable} cannot be used")
    if json is not None:
        write_json(json, [asdict(finding) | {"path": str(finding.path)} for finding in findings])
    if unusable or not findings:
        raise typer.Exit(UNUSABLE)


def sample(
    folder: Annotated[Path, typer.Argument(help="Where images/ and labels/ are written.")],
    kind: Annotated[
        Literal["leg", "mr", "supershape"],
        typer.Option(
            help="leg: CT-like, a long bone; mr: a structure of two parts; supershape: bodies to learn shapes."
        ),
    ] = "leg",
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")] = 12,
    labelled: Annotated[int | None, typer.Option(min=0, help="How many of them have labels; all if not said.")] = None,
    lesions: Annotated[bool, typer.Option("--lesions", help="Give legs small lesions, label value 2.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed gives other patients.")] = 0,
) -> None:
    """Write a synthetic cohort to try everything on, without any real patient."""
    from ..samples import write_cohort

    write_cohort(folder, kind, patients, labelled, seed, lesions=lesions)
    typer.echo(f"{patients} patients: {folder / 'images'} and {folder / 'labels'}")


_HEADINGS = ("file", "kind", "shape z×y×x", "spacing mm", "axes", "values", "problems")


def _row(finding: Finding) -> tuple[str, ...]:
    values = ", ".join(map(str, finding.label_values[:_MOST_VALUES]))
    more = f", … {len(finding.label_values)} values" if len(finding.label_values) > _MOST_VALUES else ""
    verdict = "" if finding.usable else "NOT USABLE: "
    return (
        str(finding.path),
        finding.kind,
        shape(finding.shape_zyx),
        spacing(finding.spacing_zyx_mm),
        finding.orientation or "",
        values + more,
        verdict + "; ".join(finding.problems),
    )
