"""A trained run that is asked about scans."""

from __future__ import annotations

import numpy as np

from ..errors import UserError
from ..inference.doubt import Doubt, doubt_of
from ..inference.model import load_trained
from ..storage.cache import VolumeCache
from ..training.adapt import source_run
from .suggestion import Search

_VERSION = 1


class Asked:
    """The run of a search; what it says is kept in the project's cache until its best model changes.

    Raises
    ------
    UserError
        If no run of the project segments, or this one has no model.
    """

    def __init__(self, search: Search) -> None:
        self.run = source_run(search.project.root if search.run is None else search.run)
        self._search = search
        self._model = load_trained(self.run, search.device)

    @property
    def name(self) -> str:
        """The run as people say it, such as ``run 0007``."""
        number = self.run.name.partition("-")[0]
        return f"run {number}" if number.isdecimal() else self.run.name

    def doubt(self, case: str) -> Doubt | None:
        """Return how unsure the run is of a case; None where its scan cannot be read."""
        project = self._search.project
        key = f"doubt {_VERSION} {self.run.resolve()} {self._model.step}\n{self._search.source(case)}"

        def build() -> dict[str, np.ndarray]:
            doubt = doubt_of(self._model, project.volume(case), self._search.tick)
            return {"doubt": np.array([doubt.bits, doubt.voxels], np.float64)}

        try:
            bits, voxels = VolumeCache(project.cache_dir).get(key, build)["doubt"]
        except UserError:
            return None
        return Doubt(float(bits), int(voxels))
