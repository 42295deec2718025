"""Whether a key is good, and what stands between this machine and the gateway."""

from kilo_sdk.diagnosis.examination import examine
from kilo_sdk.diagnosis.finding import Finding, Health
from kilo_sdk.diagnosis.key_check import KeyVerdict, check_key

__all__ = ["Finding", "Health", "KeyVerdict", "check_key", "examine"]
