"""Benchmarks: each prints ratios to a baseline of the same run. They are no tests and have no limits."""
