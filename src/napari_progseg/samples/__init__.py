"""Sample data: a seeded generator of small anatomical cohorts, and a loader of real hippocampus MR.

Every patient is drawn from (seed, patient) alone, so cohorts can grow without changing the patients they have.
"""

from .cohort import write_cohort
from .hippocampus import fetch_hippocampus
from .layers import hippocampus_layers, leg_layers, mr_layers
from .leg import leg_ct
from .mr import two_part_mr
from .supershapes import supershape

__all__ = [
    "fetch_hippocampus",
    "hippocampus_layers",
    "leg_ct",
    "leg_layers",
    "mr_layers",
    "supershape",
    "two_part_mr",
    "write_cohort",
]
