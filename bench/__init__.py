"""Benchmarks: `make bench`. They print figures; docs/measurements.md keeps them."""
