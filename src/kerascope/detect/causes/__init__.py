"""Causes, one module per group: what a person would change, judged from program, data and run together."""
