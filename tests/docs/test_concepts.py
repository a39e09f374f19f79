"""Every page on a way of training shows what it does, in a picture that a script of the project makes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "concepts").glob("*.md"))
LARGEST_PICTURE = 300_000


def script_of(page: Path) -> Path:
    named = re.search(r"`python (scripts/pictures/\w+\.py)` makes this picture", page.read_text(encoding="utf-8"))
    assert named is not None, f"{page.name} names no script"
    return ROOT / named[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_picture_of_a_page_is_there_and_small_enough(page: Path) -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert pictures
    for picture in pictures:
        content = (page.parent / picture).read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(content) < LARGEST_PICTURE


@pytest.mark.parametrize("mode", ["baseline", "restoration", "interactive", "progressive"])
def test_every_mode_has_a_page_that_says_how_it_is_started_watched_and_stopped(mode: str) -> None:
    text = (ROOT / "docs" / "concepts" / f"{mode}.md").read_text(encoding="utf-8")
    for word in ("start", "watch", "stop"):
        assert re.search(rf"^\| {word} \| .+ \| .*`progseg .*|^\| {word} \| .+ \| Ctrl-C", text, re.MULTILINE), word


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_script_still_makes_the_picture(page: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    quick = [] if page.stem == "initialisation" else ["--quick"]
    done = subprocess.run(
        [sys.executable, script_of(page), picture, *quick],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
