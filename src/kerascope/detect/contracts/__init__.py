"""What every sound layer, model, loss, metric and train step keeps: one small test each, run on the object alone."""
