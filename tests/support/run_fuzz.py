"""The targets of ``fuzz.py`` under atheris, which looks for inputs that reach new code.

python tests/support/run_fuzz.py sse --seconds 60
"""

from __future__ import annotations

import argparse
import sys

import atheris

with atheris.instrument_imports(include=["kilo_sdk"]):
    from fuzz import TARGETS

    import kilo_sdk.error_report  # noqa: F401 - is imported with the first error, uninstrumented


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    options = parser.parse_args()
    limits = [f"-max_total_time={options.seconds}", "-max_len=8192", "-timeout=20"]
    atheris.Setup([sys.argv[0], *limits], TARGETS[options.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
