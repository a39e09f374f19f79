"""Reports that need no second file."""

from __future__ import annotations

import re

from matplotlib.figure import Figure as Drawing

from napari_progseg.evaluation.report import Figure, Report, Section, Table, png_of, to_csv, to_html, to_markdown


def report() -> Report:
    drawing = Drawing(figsize=(2, 1))
    drawing.subplots().plot([0, 1])
    table = Table("dice", "Means of <two> seeds.", ("group", "Dice"), (("Seg | plain", "0.812"), ("<b>", "n/a")))
    figure = Figure("curve", "Dice & patients", png_of(drawing))
    folded = Section("Every run", tables=(Table("runs", "", ("run",), (("0001",),)),), folded=True)
    return Report("A <study>", ("Lead & more.",), (Section("Dice", ("Words.",), (table,), (figure,)), folded))


def test_html_holds_its_pictures_and_asks_for_nothing_else() -> None:
    html = to_html(report())
    assert html.count("data:image/png;base64,iVBOR") == 1
    assert not re.findall(r"(?:src|href)=\"(?!data:)", html)
    assert "@import" not in html
    assert "url(" not in html


def test_html_escapes_what_it_is_given() -> None:
    html = to_html(report())
    assert "<title>A &lt;study&gt;</title>" in html
    assert "<td>&lt;b&gt;</td><td>n/a</td>" in html
    assert 'alt="Dice &amp; patients"' in html


def test_folded_parts_are_in_the_html_and_not_in_the_markdown() -> None:
    assert "<summary>Every run</summary>" in to_html(report())
    markdown = to_markdown(report())
    assert "Every run" not in markdown
    assert "| Seg \\| plain | 0.812 |" in markdown
    assert "![Dice & patients](curve.png)" in markdown


def test_the_same_drawing_gives_the_same_bytes() -> None:
    first, second = (next(report().figures).png for _ in range(2))
    assert first == second


def test_csv_leaves_a_missing_value_empty() -> None:
    assert to_csv(("case", "dice"), [("a, b", 0.5), ("c", None)]) == 'case,dice\n"a, b",0.5\nc,\n'
