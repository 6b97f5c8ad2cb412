"""Everything a testbench needs, in one import."""

from verif.lib import exitcode as _exitcode  # noqa: F401  (registers itself)
from verif.lib.base_test import CLOCK_NS, CoreTest, parameters
from verif.lib.record import Coverage, measure
from verif.lib.scoreboard import Scoreboard
from verif.lib.stream import Stall, StreamAgent, StreamBus, StreamMonitor, make_agent

__all__ = [
    "CLOCK_NS",
    "CoreTest",
    "Coverage",
    "Scoreboard",
    "Stall",
    "StreamAgent",
    "StreamBus",
    "StreamMonitor",
    "make_agent",
    "measure",
    "parameters",
]
