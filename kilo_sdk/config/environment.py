"""Options set by environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from kilo_sdk.config.layers import Found, Layer
from kilo_sdk.config.schema import OPTIONS, VARIABLES

__all__ = ["by_option", "read_environment"]


def read_environment(environment: Mapping[str, str]) -> Layer:
    """Return what the environment says; a blank variable counts as not set."""
    return Layer(
        by_option(
            {
                name: Found(environment[name], f"environment variable {name}")
                for name in VARIABLES
                if environment.get(name, "").strip()
            }
        )
    )


def by_option(variables: Mapping[str, Found]) -> dict[str, Found]:
    """Return options by name; of several variables that set one, the first listed counts."""
    found: dict[str, Found] = {}
    for option in OPTIONS.values():
        for variable in option.variables:
            if variable in variables:
                found.setdefault(option.name, variables[variable])
    return found
