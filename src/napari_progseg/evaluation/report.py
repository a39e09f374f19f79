"""A report as one HTML file that needs nothing else, and its tables as Markdown and CSV."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

_DOTS_PER_INCH = 150


@dataclass(frozen=True)
class Table:
    """Cells as text; the first column names the row."""

    name: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A picture; `name` is that of its file."""

    name: str
    caption: str
    png: bytes

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Section:
    """A headed part; a folded one is opened by the reader."""

    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Report:
    """Title, lead sentences, parts."""

    title: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def tables(self) -> Iterator[Table]:
        """All tables in order."""
        for section in self.sections:
            yield from section.tables

    @property
    def figures(self) -> Iterator[Figure]:
        """All figures in order."""
        for section in self.sections:
            yield from section.figures


def to_html(report: Report) -> str:
    """Write the report as one HTML document with its pictures inside; all text is escaped."""
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("napari_progseg.evaluation", ".")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(report=report)


def to_markdown(report: Report) -> str:
    """Write what is not folded as Markdown; pictures are named by their files."""
    parts = [f"# {report.title}", *report.lead]
    for section in report.sections:
        if section.folded:
            continue
        parts += [f"## {section.title}", *section.paragraphs]
        parts += [f"{markdown_table(table.headings, table.rows)}\n\n{table.caption}" for table in section.tables]
        parts += [f"![{figure.caption}]({figure.name}.png)" for figure in section.figures]
    return "\n\n".join(parts) + "\n"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def to_csv(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a table as CSV; None becomes an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return stream.getvalue()


def png_of(drawing: Drawing) -> bytes:
    """Render a matplotlib figure."""
    stream = io.BytesIO()
    drawing.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return stream.getvalue()
