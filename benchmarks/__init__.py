"""Side by side with a hand-written loop and with peers: ``python -m benchmarks``."""
