"""Training runs: settings, events, the loop, and the run folder."""
