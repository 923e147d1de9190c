"""Where a value that is not finite was born: the line, its operands, the rows, what led up to it, and what mends it.

`listening` follows one step that runs eagerly, forward and backward; `story` decides what to tell of it; `values` puts
operands into words; `remedies` proposes changes, and tries them on the same steps.
"""
