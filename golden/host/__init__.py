"""The host's side of the accelerator: registers, transports, the driver."""

from lutloom.host.accelerator import Accelerator, AcceleratorError, Counters, Fault, Identity
from lutloom.host.transport import Transport, TransportError

__all__ = [
    "Accelerator",
    "AcceleratorError",
    "Counters",
    "Fault",
    "Identity",
    "Transport",
    "TransportError",
]
