"""The whole data of a training, looked at once when it ends: what the arrays given to `fit` are like."""
