"""Keep what was measured: one SQLite file per run, written crash-safely, read without Keras."""
