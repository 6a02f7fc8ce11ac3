"""Measures what docs and issue promise, each figure beside the floor it stands on: `python -m benchmarks [--short]`."""
