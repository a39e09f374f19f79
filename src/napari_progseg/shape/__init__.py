"""Statistical shape models and the correspondences they are built from; no network lives here."""
