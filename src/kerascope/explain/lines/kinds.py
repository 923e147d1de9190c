"""What kinds of findings an explanation can be; each has a page in the docs."""

KINDS = (
    "shape-mismatch",
    "wrong-axis",
    "index-out-of-range",
    "dtype-mismatch",
    "numpy-in-call",
    "python-on-tensor",
    "tracer-leak",
    "untracked-tensor",
    "missing-super-init",
    "wrong-argument",
    "wrong-return",
    "unknown-name",
    "error-in-user-code",
)
