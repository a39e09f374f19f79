"""The only code that writes: whole files, journals, checkpoints and the cache of preprocessed volumes."""
