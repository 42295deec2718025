"""Measuring throughput and latency of models: see ``docs/how-to/measure-throughput.md``."""
