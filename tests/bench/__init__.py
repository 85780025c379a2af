"""Benchmarks: ratios against a peer in the same run, interleaved, with their intervals. `make bench`."""
