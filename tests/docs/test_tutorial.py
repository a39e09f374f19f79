"""The tutorial does what it says: its commands run as they stand there, only shorter, and its pictures are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app

DOCS = Path(__file__).resolve().parents[2] / "docs"
LARGEST_PICTURE = 300_000
BLOCK = re.compile(r"(?:Save this as\s+`(?P<name>[^`]+)`:\n\n)?```(?P<language>bash|json)\n(?P<text>.*?)```", re.DOTALL)


def shortened(command: str) -> str:
    """Let a training take two steps; all else stays."""
    return re.sub(r"--steps \d+", "--steps 2", command)


@pytest.mark.slow
def test_the_commands_of_the_tutorial_run_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = []
    for block in BLOCK.finditer((DOCS / "tutorial.md").read_text(encoding="utf-8")):
        if block["language"] == "json":
            Path(block["name"]).parent.mkdir(exist_ok=True)
            Path(block["name"]).write_text(block["text"], encoding="utf-8")
            continue
        for command in block["text"].splitlines():
            program, *words = shlex.split(shortened(command))
            assert program == "progseg"
            done = CliRunner().invoke(app, words)
            assert done.exit_code == 0, f"{command}\n{done.output}"
            ran.append(words[0])
    assert {"sample", "check", "init", "train", "evaluate", "predict"} <= set(ran)
    assert len(list(Path("guided").iterdir())) == 12
    assert Path("study/runs/0003-longer/checkpoints/last.json").is_file()


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("part", ["patients", "annotate", "train", "results"])
def test_the_pictures_are_of_the_whole_window_and_small_enough(part: str) -> None:
    content = (DOCS / "images" / f"dock-{part}.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(content[at : at + 4], "big") for at in (16, 20)] == [1280, 800]
    assert len(content) < LARGEST_PICTURE
