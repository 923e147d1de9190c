"""Which small changes of an expression are worth trying, the likeliest first. Each module knows one family."""
