"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real CT/MR volumes; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("PROGSEG_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real volumes are not here: {folder} does not exist (set PROGSEG_SHARED_DATA)")
    return folder
