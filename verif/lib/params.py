"""Parameters given on the command line: `PARAMS="Units=16 Metric=1"`."""

from __future__ import annotations

import re

from verif.lib.corefiles import core_files


class BadParameter(Exception):
    """A parameter that the core does not have, or a value that its RTL refuses."""


def declared_parameters(core: str, target: str) -> list[str]:
    """Names of the parameters of the toplevel of `core`'s `target`, in order, read from its header."""
    files = core_files(core, target)
    source = next(path for path in files.sources if path.stem == files.toplevel)
    header = re.search(r"#\((.*?)\)\s*\(\s*\n", source.read_text(), re.S)
    text = re.sub(r"//.*", "", header.group(1)) if header else ""
    return re.findall(r"\bparameter\b[^=]*?(\w+)\s*=", text)


def parse_parameters(core: str, items: list[str], target: str = "lint") -> dict[str, str]:
    """Turn ["Units=16", ...] into a dict.

    Raises:
        UnknownCore: no such core.
        BadParameter: not Name=value, or no parameter of that core.
    """
    allowed = declared_parameters(core, target)
    parameters = {}
    for item in items:
        name, _, value = item.partition("=")
        if not value:
            raise BadParameter(f"PARAMS: `{item}` is not Name=value")
        if name not in allowed:
            raise BadParameter(f"PARAMS: {core} has no parameter {name}; allowed: {', '.join(allowed)}")
        parameters[name] = value
    return parameters
