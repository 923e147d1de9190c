"""Stage 1, measure: watches the training from inside its process, and hands what it sees to the recording."""
