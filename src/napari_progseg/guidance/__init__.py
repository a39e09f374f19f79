"""Clicks: the value, their maps as input channels, and the simulated user."""
