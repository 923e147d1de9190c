"""How each library spells the functions of tensors that edits write."""

from __future__ import annotations

SPELLINGS: dict[str, dict[str, str]] = {
    "ops": {
        "expand": "{p}.expand_dims({x}, {a})",
        "squeeze": "{p}.squeeze({x}, {a})",
        "swap": "{p}.swapaxes({x}, -1, -2)",
        "transpose": "{p}.transpose({x}, {a})",
        "matmul": "{p}.matmul({x}, {y})",
        "cast": "{p}.cast({x}, {a})",
        "index": '{p}.cast({x}, "int32")',
        "reshape": "{p}.reshape({x}, {a})",
        "mean": "{p}.mean({x}, axis={a})",
        "rows": "{p}.shape({x})[0]",
        "repeat": "{p}.repeat({x}, {y}, axis={a})",
        "argmax": "{p}.argmax({x}, axis={a})",
        "dots": "{p}.sum({x} * {y}, axis=-1, keepdims=True)",
    },
    "torch": {
        "expand": "{p}.unsqueeze({x}, {a})",
        "squeeze": "{p}.squeeze({x}, {a})",
        "swap": "{p}.swapaxes({x}, -1, -2)",
        "transpose": "{p}.permute({x}, {a})",
        "matmul": "{p}.matmul({x}, {y})",
        "cast": "{x}.to({a})",
        "index": "{x}.long()",
        "reshape": "{p}.reshape({x}, {a})",
        "mean": "{p}.mean({x}, dim={a})",
        "rows": "{x}.shape[0]",
        "repeat": "{p}.repeat_interleave({x}, {y}, dim={a})",
        "argmax": "{p}.argmax({x}, dim={a})",
        "dots": "{p}.sum({x} * {y}, dim=-1, keepdim=True)",
    },
    "tf": {
        "expand": "{p}.expand_dims({x}, {a})",
        "squeeze": "{p}.squeeze({x}, {a})",
        "swap": "{p}.linalg.matrix_transpose({x})",
        "transpose": "{p}.transpose({x}, {a})",
        "matmul": "{p}.matmul({x}, {y})",
        "cast": "{p}.cast({x}, {a})",
        "index": '{p}.cast({x}, "int32")',
        "reshape": "{p}.reshape({x}, {a})",
        "mean": "{p}.reduce_mean({x}, axis={a})",
        "rows": "{p}.shape({x})[0]",
        "repeat": "{p}.repeat({x}, {y}, axis={a})",
        "argmax": "{p}.argmax({x}, axis={a})",
        "dots": "{p}.reduce_sum({x} * {y}, axis=-1, keepdims=True)",
    },
}
SPELLINGS["jnp"] = {
    **SPELLINGS["ops"],
    "cast": "{x}.astype({a})",
    "index": '{x}.astype("int32")',
    "rows": "{x}.shape[0]",
}
MODULES = {"jax.numpy": "jnp", "torch": "torch", "tensorflow": "tf"}
