"""Names of devices, as ops carry them: "/job:ps/task:0/device:CPU:0".

Layer: frontend. A name given inside of another one adds to it, whose parts win.
"""

from __future__ import annotations

import re

_KEYS = ("job", "replica", "task", "device")
_SHORT = re.compile(r"(cpu|gpu):(\d+|\*)\Z", re.IGNORECASE)


def merged(outer: str, name: str) -> str:
    """The device of ops inside of `name`, where `outer` was the device before.

    Raises:
        ValueError: it is no name of a device.
    """
    parts = {**_parts(outer), **_parts(name)}
    return "".join(f"/{key}:{parts[key]}" for key in _KEYS if key in parts)


def _parts(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in name.split("/"):
        if not part:
            continue
        short = _SHORT.match(part)
        key, colon, value = part.partition(":")
        if short:
            found["device"] = f"{short[1].upper()}:{short[2]}"
        elif colon and key == "device":
            kind, _, number = value.partition(":")
            found["device"] = f"{kind.upper()}:{number or '*'}"
        elif colon and key in _KEYS:
            found[key] = value
        else:
            raise ValueError(f"Unknown attribute '{key}' is encountered while parsing {name!r}.")
    return found
