"""A ``.env`` file: the variables that are this SDK's are read, and nothing is exported.

Nothing is expanded: the file comes with the directory, and ``${SOME_SECRET}`` in a base
URL would send a secret of the environment to whoever wrote the file.
"""

from __future__ import annotations

import io
import re
from typing import Final

from kilo_sdk.config.environment import by_option
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.config.layers import Found, Layer, in_file
from kilo_sdk.config.schema import VARIABLES, nearest
from kilo_sdk.config.text_file import TextFile, exposure
from kilo_sdk.errors import ConfigurationError

__all__ = ["read_dotenv"]

_OURS: Final = re.compile(r"(?:export\s+)?['\"]?KILO", re.IGNORECASE)


def read_dotenv(file: TextFile) -> Layer:
    """Return what the file says; of a variable that stands there twice, the last counts.

    Raises:
        ConfigurationError: A line that begins with KILO cannot be read, or the extra
            ``config`` is not installed.
    """
    with needs_extra("config", what=f"reading {file.path}"):
        from dotenv.parser import parse_stream
    values: dict[str, Found] = {}
    warnings: list[str] = []
    for binding in parse_stream(io.StringIO(file.text)):
        text = binding.original.string
        begins = len(text) - len(text.lstrip())
        place = in_file(file.path, binding.original.line + text[:begins].count("\n"))
        if binding.error:
            if _OURS.match(text.strip()):
                raise ConfigurationError(f"{place}: this line cannot be read; it is NAME=value")
            continue
        name, value = binding.key, binding.value
        if name in VARIABLES:
            if value is not None and value.strip():
                if "${" in value:
                    raise ConfigurationError(
                        f"{place}: {name} has ${{...}} in it, and no variable is expanded here; "
                        "give the value itself"
                    )
                values[name] = Found(value, f"{place} ({name})")
            else:
                values.pop(name, None)
        elif name and name.startswith("KILO") and (hint := nearest(name, VARIABLES, cutoff=0.85)):
            warnings.append(f"{place}: {name} is not read{hint}")
    found = by_option(values)
    if "api_key" in found and (warning := exposure(file)):
        warnings.append(warning)
    return Layer(found, tuple(warnings))
