"""Figures as a reader wants them: rounded, with a unit, and 'not recorded' where there is none."""

import math
from datetime import datetime

MISSING = "not recorded"
SECONDS_PER_MINUTE = 60
MINUTES_PER_HOUR = 60
HOURS_PER_DAY = 24
MB_PER_GB = 1000
# Below these a smaller unit reads better.
SMALLEST_DAYS = 2
SMALLEST_HOURS = 1
# Below this an amount in a table is written with one decimal, and below the next not at all.
WHOLE = 10
SMALLEST_AMOUNT = 0.1
SMALLEST_PERCENT = 0.005
# Below the first and from the second power of ten on a number is written with it.
SMALLEST_POWER, LARGEST_POWER = -3, 9
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def rounded(value: float | None, *, digits: int = 3) -> str:
    """A number to some significant digits, thousands separated: 2 × 10⁻⁵, 0.042, 4.2, 12,300."""
    if value is None:
        return MISSING
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "unlimited"
    power = math.floor(math.log10(abs(value)))
    if not SMALLEST_POWER <= power < LARGEST_POWER:
        return f"{rounded(value / 10**power, digits=digits)} × 10{str(power).translate(SUPERSCRIPTS)}"
    decimals = digits - 1 - power
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_error(value: float, error: float | None) -> str:
    """A number with its error to two digits, and as many decimals as that: 0.33 ± 0.02, (1.23 ± 0.06) × 10⁻⁴."""
    if not error or not math.isfinite(error):
        return rounded(value)
    power = math.floor(math.log10(max(abs(value), error)))
    if not SMALLEST_POWER <= power < LARGEST_POWER:
        return f"({with_error(value / 10**power, error / 10**power)}) × 10{str(power).translate(SUPERSCRIPTS)}"
    decimals = 1 - math.floor(math.log10(error))
    return " ± ".join(f"{round(each, decimals):,.{max(decimals, 0)}f}" for each in (value, error))


def amount(value: float | None) -> str:
    """A number in a column of hours or GB, where a tenth is all that matters: 12,300, 420, 4.2, <0.1, 0."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if value < SMALLEST_AMOUNT:
        return "<0.1"
    return rounded(round(value)) if value >= WHOLE else f"{value:.1f}"


def counted(number: float | None) -> str:
    """A count, exactly, thousands separated."""
    return MISSING if number is None else f"{number:,.0f}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """A count with its noun: '1 job', '12 jobs'."""
    return f"{counted(number)} {noun if number == 1 else nouns or noun + 's'}"


def duration(hours: float | None) -> str:
    """A span of time in the unit that reads best, from seconds to days."""
    if hours is None:
        return MISSING
    if hours >= SMALLEST_DAYS * HOURS_PER_DAY:
        return f"{rounded(hours / HOURS_PER_DAY)} days"
    if hours >= SMALLEST_HOURS:
        return f"{rounded(hours)} h"
    minutes = hours * MINUTES_PER_HOUR
    if minutes >= 1 or hours == 0:
        return f"{rounded(minutes, digits=2)} min"
    seconds = minutes * SECONDS_PER_MINUTE
    return "under 1 s" if seconds < 1 else f"{rounded(seconds, digits=2)} s"


def duration_of_minutes(minutes: float | None) -> str:
    """As `duration`, of minutes."""
    return duration(None if minutes is None else minutes / MINUTES_PER_HOUR)


def memory(size_MB: float | None) -> str:
    """Memory as the profile counts it: 1 GB = 1000 MB."""
    if size_MB is None:
        return MISSING
    return f"{rounded(size_MB)} MB" if size_MB < MB_PER_GB else f"{rounded(size_MB / MB_PER_GB)} GB"


def storage(size_GB: float | None) -> str:
    """Space on a disk, in MB, GB or TB."""
    if size_GB is None:
        return MISSING
    if 0 < size_GB < 1:
        return f"{rounded(size_GB * MB_PER_GB)} MB"
    return f"{rounded(size_GB)} GB" if size_GB < MB_PER_GB else f"{rounded(size_GB / MB_PER_GB)} TB"


def percent(fraction: float | None) -> str:
    """A fraction as whole per cent."""
    if fraction is None:
        return MISSING
    return "<1 %" if 0 < fraction < SMALLEST_PERCENT else f"{100 * fraction:.0f} %"


def moment(time: str) -> str:
    """A time of ISO 8601 to the minute, with its zone."""
    return datetime.fromisoformat(time).strftime("%-d %B %Y, %H:%M %Z").replace("UTC+00:00", "UTC")


def value(thing: object) -> str:
    """A value of unknown kind: numbers rounded, counts exact, text as it is, nothing as a dash."""
    if thing is None:
        return "–"
    if isinstance(thing, bool) or not isinstance(thing, (int, float)):
        return str(thing)
    return counted(thing) if isinstance(thing, int) else rounded(thing)
