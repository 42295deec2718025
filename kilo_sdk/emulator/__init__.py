"""A gateway of your own for development, tests and benchmarks: see ``LocalGateway``."""

from kilo_sdk.emulator.faults import Fault
from kilo_sdk.emulator.received import ReceivedRequest
from kilo_sdk.emulator.replies import RawReply
from kilo_sdk.emulator.server import LocalGateway

__all__ = ["Fault", "LocalGateway", "RawReply", "ReceivedRequest"]
