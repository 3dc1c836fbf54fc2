"""Figures as people read them."""

from __future__ import annotations

import datetime as dt


def duration(milliseconds: float) -> str:
    """``0.4 ms``, ``12 ms``, ``3.2 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def whole(milliseconds: int) -> str:
    """``1 ms``, ``3.2 s``: what is known in whole milliseconds only."""
    return f"{milliseconds} ms" if milliseconds < 1000 else duration(milliseconds)


def size(octets: int) -> str:
    """``512 bytes``, ``1.2 kB``, ``30 MB``: powers of 1024, as pg_size_pretty."""
    if octets < 1024:
        return f"{octets} bytes" if octets != 1 else "1 byte"
    value = octets / 1024
    units = ["kB", "MB", "GB", "TB"]
    while value >= 999.5 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.1f} {units[0]}" if value < 9.95 else f"{value:.0f} {units[0]}"


def number(value: float) -> str:
    """``1,234,567``."""
    return f"{value:,.0f}"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """``1 statement``, ``2 statements``."""
    return f"{number(value)} {noun if value == 1 else plural or noun + 's'}"


def moment(when: dt.datetime) -> str:
    """Return a time in the time zone of the machine, to the second."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def listed(words: list[str], most: int = 8) -> str:
    """``a, b and c``; a long list ends in ``and 12 more``."""
    if len(words) > most + 1:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
