"""The source-line tracer: the user's functions report what each of their expressions yields.

`rewrite` adds the reports to a syntax tree, `install` puts the rewritten code into live functions and takes it out
again, `recorder` turns reports into a `record.lines.LineLog`, `session` runs it all around a block of code.
"""
