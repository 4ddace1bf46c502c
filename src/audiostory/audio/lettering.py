"""Words in pictures: a font that knows their letters, their length, and lines that fit."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

# Looked for in this order among the system's fonts. Pillow's own, the last resort, knows little
# beyond ASCII; letters no font knows are drawn as empty boxes.
FONT_FILES = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial Unicode.ttf",
    "segoeui.ttf",
    "Arial.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "malgun.ttf",
)
ELLIPSIS = "..."

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font_for(words: str, size: int) -> Font:
    """The first font on this machine that knows most letters of ``words``."""
    letters = frozenset(words)
    fonts = _fonts(size)
    return max(fonts, key=lambda font: sum(_knows(font, letter) for letter in letters))


def length(words: str, size: int) -> float:
    """Width of the words in pixels."""
    return font_for(words, size).getlength(words)


def wrapped(words: str, size: int, width: float, *, max_lines: int) -> list[str]:
    """The words in lines no wider than ``width`` pixels; cut ones end in an ellipsis."""
    lines: list[str] = []
    rest = " ".join(words.split())
    while rest and len(lines) < max_lines:
        is_last = len(lines) == max_lines - 1
        if length(rest, size) <= width:
            line, cut = rest, len(rest)
        else:
            cut = _fitting(rest, size, width - (length(ELLIPSIS, size) if is_last else 0))
            line = rest[:cut].rstrip() + (ELLIPSIS if is_last else "")
        lines.append(line)
        rest = rest[cut:].lstrip()
    return lines


def _fitting(words: str, size: int, width: float) -> int:
    """How many characters fit, at the end of a word if one fits at all, but at least one."""
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if length(words[:middle], size) <= width else (low, middle - 1)
    if low < len(words) and words[low] == " ":
        return low
    last_space = words.rfind(" ", 0, low)
    return last_space if last_space > 0 else low


@lru_cache(maxsize=32)
def _fonts(size: int) -> tuple[Font, ...]:
    """The fonts of this machine that are on the list, and Pillow's own."""
    fonts: list[Font] = []
    for name in FONT_FILES:
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:  # not on this machine
            continue
    return (*fonts, ImageFont.load_default(size))


@lru_cache(maxsize=4096)
def _knows(font: Font, letter: str) -> bool:
    """Whether the font has a shape of its own for the letter."""
    return letter.isspace() or _shape(font, letter) != _shape(font, "\uffff")


@lru_cache(maxsize=4096)
def _shape(font: Font, letter: str) -> bytes:
    """The pixels of a letter."""
    image = Image.new("L", (64, 64))
    ImageDraw.Draw(image).text((8, 8), letter, fill=255, font=font)
    return image.tobytes()
