"""`python3 -m verif.lib.preflight`: the build hook of the .core sim targets.

A simulator that edalize starts without this environment would run nothing and still exit 0: refuse to build instead.
"""

from __future__ import annotations

import os
import shutil
import sys


def main() -> int:
    missing = [name for name in ("GPI_USERS", "VERILATOR_ROOT") if not os.environ.get(name)]
    if missing or not shutil.which("verilator"):
        what = ", ".join(missing) or "verilator in PATH"
        print(f'error: {what} not set; run first in this shell:  eval "$(make -s env)"', file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
