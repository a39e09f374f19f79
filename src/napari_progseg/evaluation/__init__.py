"""How good a segmentation is: measures per case, statistics over cases, reports."""
