"""The work of `benchmarks/peers.py`, a module for each kind."""
