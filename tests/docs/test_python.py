"""The Python that the pages show runs as it stands there, only shorter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_progseg.samples import write_cohort

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def shortened(code: str) -> str:
    """Let a training take two steps; all else stays."""
    return re.sub(r'budget=\{"\w+": \d+\}', 'budget={"steps": 2}', code)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_the_snippets_run_in_their_order(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_cohort(Path("scans"), "leg", patients=8)
    names: dict[str, object] = {}
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        exec(compile(shortened(block), page, "exec"), names)
    runs = list(Path("my-study/runs").iterdir())
    assert [(run / "checkpoints" / "last.json").is_file() for run in runs] == [True]
    assert (names["label_map"].labels.shape) == names["project"].volume("leg_000").image.shape  # type: ignore[attr-defined]
