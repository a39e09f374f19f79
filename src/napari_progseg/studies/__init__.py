"""Experiments as resumable grids of runs: what is compared, in which order it runs, what it says in the end."""
