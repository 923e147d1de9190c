"""One file per public verb; the only place where the stages meet."""
