"""Typed values and wire shapes; nothing here does I/O."""
