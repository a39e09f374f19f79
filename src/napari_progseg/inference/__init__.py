"""Trained models at work: whole volumes, clicks, evaluation."""
