"""The words of permalinks that stand for parts of a date, in Jekyll's, Hugo's and Hexo's spelling.

Months and days are named in English, as these generators do in addresses whatever the site speaks.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from publisher.core.patterns import lazy

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DATE_WORDS: Mapping[str, Callable[[datetime], str]] = {
    "year": lambda at: f"{at.year:04}",
    "short_year": lambda at: f"{at.year % 100:02}",
    "month": lambda at: f"{at.month:02}",
    "i_month": lambda at: str(at.month),
    "short_month": lambda at: _MONTHS[at.month - 1][:3],
    "long_month": lambda at: _MONTHS[at.month - 1],
    "monthname": lambda at: _MONTHS[at.month - 1].lower(),
    "day": lambda at: f"{at.day:02}",
    "i_day": lambda at: str(at.day),
    "y_day": lambda at: f"{at.timetuple().tm_yday:03}",
    "yearday": lambda at: str(at.timetuple().tm_yday),
    "w_year": lambda at: f"{at.isocalendar().year:04}",
    "week": lambda at: f"{at.isocalendar().week:02}",
    "w_day": lambda at: str(at.isoweekday()),
    "short_day": lambda at: _DAYS[at.weekday()][:3],
    "long_day": lambda at: _DAYS[at.weekday()],
    "weekday": lambda at: str(at.isoweekday() % 7),
    "weekdayname": lambda at: _DAYS[at.weekday()].lower(),
    "hour": lambda at: f"{at.hour:02}",
    "minute": lambda at: f"{at.minute:02}",
    "second": lambda at: f"{at.second:02}",
    "timestamp": lambda at: str(int(at.timestamp())),
}
"""By word; each takes the instant in the site's zone."""

SIGNS: Mapping[str, str] = {
    "%Y": "year", "%y": "short_year", "%m": "month", "%-m": "i_month", "%b": "short_month",
    "%B": "long_month", "%d": "day", "%-d": "i_day", "%e": "i_day", "%j": "y_day", "%a": "short_day",
    "%A": "long_day", "%u": "w_day", "%V": "week", "%G": "w_year",
    "%H": "hour", "%M": "minute", "%S": "second",
}  # fmt: skip
"""The signs of strftime, as Pelican and Liquid know them, by our words."""

SIGN = lazy(r"%-?[A-Za-z]")


def by_signs(pattern: str, at: datetime) -> str:
    """`pattern` with each sign of strftime as the part of the date that it stands for."""
    return SIGN.sub(lambda match: DATE_WORDS[SIGNS[match[0]]](at) if match[0] in SIGNS else "", pattern)
