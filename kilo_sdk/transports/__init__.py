"""Transport adapters: how each kind of upstream is talked to."""
