"""How long a track should be, where its instruction says so in words.

Source: instructions of the paper end with "The total duration is 35.1 seconds." (Figs. 1, 3-10);
people say it in other ways.
"""

from __future__ import annotations

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {
    "a": 1.0,
    "half a": 0.5,
    **{word: float(value) for value, word in enumerate(_ONES)},
    **{word: 10.0 * value for value, word in enumerate(_TENS, start=2)},
}

_WORDS = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(_ONES[1:])})"
_NUMBER = rf"(?:(?<![0-9.:])[0-9]+(?:\.[0-9]+)?|{_WORDS})(?:\s+and\s+a\s+half)?"
_MINUTES = r"(?:minutes|minute|mins|min|m)\b"
_SECONDS = r"(?:seconds|second|secs|sec|s)\b"
_AMOUNT = (
    rf"(?:(?P<m>{_NUMBER}|half\s+a|a)[\s-]*{_MINUTES}(?P<half>\s+and\s+a\s+half)?"
    rf"(?:\s*(?:and\s+)?(?P<ms>{_NUMBER})[\s-]*{_SECONDS})?"
    rf"|(?P<s>{_NUMBER})[\s-]*{_SECONDS})"
)
_CLOCK = r"(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]+):(?P<seconds>[0-9]{2}(?:\.[0-9]+)?)"
_ABOUT = r"(?:exactly\s+|about\s+|around\s+|roughly\s+|only\s+|just\s+)?"
_IS = r"\s*(?:(?:is|are|should|must|will|shall|has\s+to|have\s+to|needs\s+to|be|of|:|=)\s*){0,4}"
_WHOLE = (
    r"audio|clip|cue|intro|jingle|loop|montage|narrative|outro|piece|recording|scene|sequence|"
    r"sketch|soundscape|soundtrack|spot|sting|stinger|story|teaser|track|trailer|video"
)
_LENGTH = (
    r"(?:total|overall|whole|full)\s+(?:duration|length|running\s+time|run\s*time)"
    rf"|(?:duration|length)\s+of\s+the\s+(?:whole\s+)?(?:{_WHOLE})"
    r"|(?:duration|length|running\s+time|run\s*time)(?=\s*[:=]|\s+(?:should|must|shall|will|has)\b)"
)
_ASKING = (
    r"(?:please\s+)?(?:(?:can|could|may)\s+(?:you|i|we)\s+(?:please\s+)?)?(?:give\s+(?:me|us)|"
    r"(?:i|we)(?:'d\s+like|\s+want|\s+need|\s+would\s+like)(?:\s+to\s+have)?|need|want|"
    r"make(?:\s+(?:me|us))?|create|generate|produce|record|compose|build|write)\s+"
)
_STATED = (
    rf"\b(?:{_LENGTH}){_IS}{_ABOUT}(?:{_CLOCK}|{_AMOUNT})",
    rf"\b{_AMOUNT}[\s-]*(?:long\s+)?(?:{_WHOLE})\b",
    rf"\b(?:make|keep)\s+(?:it|this|the\s+whole(?:\s+thing)?)\s+{_ABOUT}{_AMOUNT}",
    rf"\b(?:it|this|all(?:\s+of\s+it)?|everything|the\s+whole(?:\s+thing)?|the\s+(?:{_WHOLE}))\s+"
    rf"(?:should|must|will|has\s+to|needs\s+to|may|can)\s+(?:be|last|take|run)\s+(?:for\s+)?"
    rf"{_ABOUT}{_AMOUNT}",
    rf"(?:^|[.!?])\s*it\s+lasts\s+{_ABOUT}{_AMOUNT}",
    rf"\b{_AMOUNT}(?:\s+long)?,?\s+(?:in\s+total|in\s+all|all\s+told|all\s+in\s+all|altogether|"
    r"overall|total)\b",
)
_BEFORE_LIST = (
    rf"^\W*{_ASKING}{_ABOUT}{_AMOUNT}(?=\s+of\b|\s*[:,;.-])",
    rf"^\W*for\s+{_ABOUT}{_AMOUNT},?\s+we\s+(?:are|stay|remain|sit|stand|follow|listen)\b",
)
_ALONE = (
    *_BEFORE_LIST,
    rf"^\W*{_ABOUT}{_AMOUNT}\s*[:,;.\n]",
    rf"(?:[,;:=(\n]|(?<![0-9])\.)\s*{_ABOUT}{_AMOUNT}(?:\s+(?:long|please|max|only))?"
    r"(?=\s*(?:[).!]*\s*$|,))",
)
"""What tells the length of the whole where no other length is told; the first ones also do before
a colon."""
_STATED_PATTERNS = [re.compile(pattern, re.IGNORECASE) for pattern in _STATED]
_ALONE_PATTERNS = [re.compile(pattern, re.IGNORECASE) for pattern in _ALONE]
_BEFORE_LIST_PATTERNS = [
    re.compile(rf"{pattern}(?=[^:]{{0,60}}:)", re.IGNORECASE) for pattern in _BEFORE_LIST
]
_ANY_AMOUNT = re.compile(rf"\b{_AMOUNT}", re.IGNORECASE)


def stated_duration(text: str) -> float | None:
    """The total length in seconds that an instruction states, or None.

    Reads "The total duration is 41.6s.", "Total length: 1:30", "a two-minute piece", "Make it 12
    seconds long", "six seconds all told"; and where no other length is told, "Give me 40 seconds of
    rain" and "rain, thunder, 1 min". Lengths of single sounds ("rain for 10 seconds") are not
    totals. Of several statements the last counts, as it does to a reader.
    """
    found = _statement(text)
    return _seconds(found) if found else None


def without_stated(text: str) -> str:
    """``text`` with a line break where it states its total length."""
    found = _statement(text)
    return f"{text[: found.start()]}\n{text[found.end() :]}" if found else text


def _statement(text: str) -> re.Match[str] | None:
    """Where the text states its total length."""
    found = [match for pattern in _STATED_PATTERNS for match in pattern.finditer(text)]
    if found:
        return max(found, key=lambda match: match.end())
    is_only = len(_ANY_AMOUNT.findall(text)) == 1
    patterns = _ALONE_PATTERNS if is_only else _BEFORE_LIST_PATTERNS
    return next((found for one in patterns if (found := one.search(text))), None)


def _seconds(match: re.Match[str]) -> float:
    """The length that a match tells, in seconds."""
    part = match.groupdict()
    if part.get("minutes") is not None:
        hours = float(part["hours"] or 0)
        return hours * 3600 + float(part["minutes"]) * 60 + float(part["seconds"])
    if part["m"] is not None:
        minutes = _value(part["m"]) + (0.5 if part["half"] else 0.0)
        return minutes * 60 + (_value(part["ms"]) if part["ms"] else 0.0)
    return _value(part["s"])


def _value(number: str) -> float:
    """A number in digits or words: "2.5", "two and a half", "forty-five"."""
    words = " ".join(number.casefold().replace("-", " ").split())
    whole, half, _ = words.partition(" and a half")
    added = 0.5 if half else 0.0
    if whole in _VALUES:
        return _VALUES[whole] + added
    if whole[0].isdigit():
        return float(whole) + added
    return sum(_VALUES[word] for word in whole.split()) + added
