"""Disks that refuse, and processes that die, at the N-th call."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CALLS = ("open", "write", "fsync", "replace")
MOST_CALLS = 60

_KILLER = """
import os, sys
n, calls = int(sys.argv[1]), ("open", "write", "fsync", "replace")
count = 0
def killing(real):
    def call(*args, **kwargs):
        global count
        count += 1
        if count == n:
            os._exit(137)
        return real(*args, **kwargs)
    return call
"""
_ARM = "for name in calls: setattr(os, name, killing(getattr(os, name)))\n"


@pytest.fixture
def fail_at_each_call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run an operation with ENOSPC at call 1, 2, 3 … until no call is left to fail; `check(succeeded)` runs each time.

    An operation may also succeed in spite of a failing call, where the call is not needed.
    """

    def loop(
        prepare: Callable[[], object],
        operation: Callable[[], object],
        check: Callable[[bool], None],
        expected: type[Exception],
    ) -> int:
        for n in range(1, MOST_CALLS):
            prepare()
            with monkeypatch.context() as patch:
                calls = _arm(patch, n)
                try:
                    operation()
                except expected:
                    succeeded = False
                else:
                    succeeded = True
            check(succeeded)
            if len(calls) < n:
                assert succeeded
                return n
        raise AssertionError("the operation never ended")

    return loop


@pytest.fixture
def kill_at_each_call() -> Callable[..., int]:
    """Run a script that dies at call 1, 2, 3 … until it ends; `prepare` is not disturbed, `check()` runs each time."""

    def loop(prepare: str, operation: str, folder: Path, check: Callable[[], None]) -> int:
        script = _KILLER + prepare + "\n" + _ARM + operation + "\n"
        for n in range(1, MOST_CALLS):
            done = subprocess.run([sys.executable, "-c", script, str(n), str(folder)], capture_output=True, text=True)
            assert done.returncode in (0, 137), done.stderr
            check()
            if done.returncode == 0:
                return n
        raise AssertionError("the script never ended")

    return loop


def _arm(patch: pytest.MonkeyPatch, n: int) -> list[str]:
    calls: list[str] = []

    def failing(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            calls.append(name)
            # only the n-th call fails, so that what cleans up and goes back can do its work
            if len(calls) == n:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        patch.setattr(os, name, failing(name, getattr(os, name)))
    return calls
