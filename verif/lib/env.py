"""`python -m verif.lib.env`: print the tool environment as shell exports (what `make env` gives)."""

import shlex

from verif.lib.paths import tool_environment

for name, value in tool_environment().items():
    print(f"export {name}={shlex.quote(value)}")
