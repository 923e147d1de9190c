"""Judge a recording with pure functions: `registry.run_detectors(view)` returns what is wrong with the run."""
