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
_HALF = r"(?:\sand\sa\shalf)?"
_DIGITS = r"(?<![0-9.:,])[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?"
_MINUTES = (
    rf"(?:(?P<m>{_DIGITS})(?:[\s-]?(?:minutes|minute|mins|min)\b|m(?=[0-9]))"
    rf"|(?P<mw>(?:{_WORDS}|half\sa|a){_HALF})[\s-](?:minutes|minute|mins|min)\b(?P<half>\sand\sa\shalf)?)"
)
_SECONDS = (
    rf"(?:(?P<s>{_DIGITS})[\s-]?(?:seconds|second|secs|sec|s)\b"
    rf"|(?P<sw>{_WORDS}{_HALF})[\s-](?:seconds|second|secs|sec)\b)"
)
_REST = (
    rf"(?:,?\s?(?:and\s)?(?:(?P<ms>(?:[0-9]+(?:\.[0-9]+)?))[\s-]?(?:seconds|second|secs|sec|s)\b"
    rf"|(?P<msw>{_WORDS})[\s-](?:seconds|second|secs|sec)\b))?"
)
_AMOUNT = rf"(?:{_MINUTES}{_REST}|{_SECONDS})"
_CLOCK = r"(?:(?P<hours>[0-9]+):)?(?P<minutes>[0-9]+):(?P<seconds>[0-9]{2}(?:\.[0-9]+)?)"
_ABOUT = r"(?:(?:exactly|about|around|roughly|approximately|approx\.?|only|just)\s|~\s?)?"
_IS = r"\s?(?:(?:is|are|should|must|will|shall|has\sto|have\sto|needs\sto|be|of|:|=)\s?){0,4}"
_WHOLE = (
    r"audio|clip|cue|intro|jingle|montage|narrative|outro|piece|recording|scene|sequence|"
    r"sketch|soundscape|soundtrack|spot|sting|stinger|story|teaser|track|trailer|video"
)
_IT = rf"(?:it|this|all(?:\sof\sit)?|everything|the\swhole(?:\sthing)?|(?:the|this)\s(?:{_WHOLE}))"
_TIME = r"(?:duration|length|running\stime|runtime|run\stime)"
_LENGTH = (
    rf"\b(?:total|overall|whole|full)\s{_TIME}|\b{_TIME}\sof\sthe\s(?:whole\s)?(?:{_WHOLE})"
    rf"|\b{_TIME}(?=\s?[:=]|\s(?:should|must|shall|will|has)\b)|(?:^|[,;.(\n]\s?){_TIME}"
)
_ASKING = (
    r"(?:please\s)?(?:(?:can|could|may)\s(?:you|i|we)\s(?:please\s)?)?(?:give\s(?:me|us)|"
    r"(?:i|we)(?:'d\slike|\swant|\sneed|\swould\slike)(?:\sto\shave)?|need|want|"
    r"make(?:\s(?:me|us))?|create|generate|produce|record|compose|build|write)\s"
)
_STATED = (
    rf"(?:{_LENGTH}){_IS}{_ABOUT}(?:{_CLOCK}|{_AMOUNT})",
    rf"\b{_AMOUNT}[\s-]?(?:long\s)?(?:{_WHOLE})\b",
    rf"(?<!in a )\b{_AMOUNT}[\s-]loop\b",
    rf"\b(?:make|keep)\s{_IT}\s{_ABOUT}{_AMOUNT}",
    rf"\b{_IT}\s(?:should|must|will|has\sto|needs\sto)\s(?:be|last|run)\s(?:for\s)?{_ABOUT}{_AMOUNT}",
    rf"\b(?:the|this)\s(?:{_WHOLE})\s(?:lasts|is|runs)\s(?:for\s)?{_ABOUT}{_AMOUNT}",
    rf"(?:^|[.!?])\s?it\slasts\s{_ABOUT}{_AMOUNT}",
    rf"\b{_AMOUNT}(?:\slong)?,?\s(?:in\stotal|in\sall|all\stold|all\sin\sall|altogether|overall|"
    r"total)\b",
)
_BEFORE_LIST = (
    rf"^\W*{_ASKING}{_ABOUT}{_AMOUNT}(?=\sof\b|\s?[:,;.-])",
    rf"^\W*for\s{_ABOUT}{_AMOUNT},?\swe\s(?:are|stay|remain|sit|stand|follow|listen)\b",
)
_ALONE = (
    *_BEFORE_LIST,
    rf"^\W*{_ABOUT}{_AMOUNT}(?:\sof\b|\s?[:,;.\n])",
    rf"(?:[,;:=(\n]|(?<![0-9])\.)\s?{_ABOUT}{_AMOUNT}(?:\s(?:long|please|max|only))?[).!]*\s?$",
    rf",\s?{_ABOUT}{_MINUTES}{_REST},",
)
"""What tells the length of the whole where no other length is told; the first ones also do before
a colon."""
_STATED_PATTERNS = [re.compile(pattern, re.IGNORECASE) for pattern in _STATED]
_ALONE_PATTERNS = [re.compile(pattern, re.IGNORECASE) for pattern in _ALONE]
_BEFORE_LIST_PATTERNS = [
    re.compile(rf"{pattern}(?=[^:]{{0,60}}:)", re.IGNORECASE) for pattern in _BEFORE_LIST
]
_TOO_LONG = re.compile(
    rf"\b(?:hundred|thousand|hours?)(?:,?\s(?:and\s)?|-){_AMOUNT}", re.IGNORECASE
)
"""Lengths that are not read: better none than a wrong one."""
_ANY_AMOUNT = re.compile(rf"\b{_AMOUNT}", re.IGNORECASE)


def stated_duration(text: str) -> float | None:
    """The total length in seconds that an instruction states, or None.

    Reads "The total duration is 41.6s.", "Total length: 1:30", "a two-minute piece", "Make it 12
    seconds long", "six seconds all told"; and where no other length is told, "Give me 40 seconds of
    rain" and "rain, thunder, 1 min". Lengths of single sounds ("rain for 10 seconds") are not
    totals. Of several statements the last counts, as it does to a reader.
    """
    found = _statement(_narrow(text))
    return _seconds(found) if found else None


def without_stated(text: str) -> str:
    """``text`` with single blanks, and a line break where it states its total length."""
    text = _narrow(text)
    found = _statement(text)
    return f"{text[: found.start()]}\n{text[found.end() :]}" if found else text


def tells_times(text: str) -> bool:
    """Whether a text says when or how long single things happen; other numbers count, too."""
    rest = without_stated(text)
    return any(char.isdigit() for char in rest) or _ANY_AMOUNT.search(rest) is not None


def _narrow(text: str) -> str:
    """``text`` with no two blanks in a row."""
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text))


def _statement(text: str) -> re.Match[str] | None:
    """Where the text states its total length."""
    if _TOO_LONG.search(text):
        return None
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
    minutes, seconds = part["m"] or part["mw"], part.get("s") or part.get("sw")
    if minutes is None:
        return _value(str(seconds))
    rest = part["ms"] or part["msw"]
    half_s = 30.0 if part["half"] else 0.0
    return _value(minutes) * 60 + half_s + (_value(rest) if rest else 0.0)


def _value(number: str) -> float:
    """A number in digits or words: "2.5", "two and a half", "forty-five"."""
    words = " ".join(number.casefold().replace("-", " ").replace(",", "").split())
    whole, half, _ = words.partition(" and a half")
    added = 0.5 if half else 0.0
    if whole in _VALUES:
        return _VALUES[whole] + added
    if whole[0].isdigit():
        return float(whole) + added
    return sum(_VALUES[word] for word in whole.split()) + added
