"""Whom to name: the sources, licences and authors of the clips a model learned from.

``python -m audiostory.curate.credits CORPUS`` prints the list for the shipped model's clips: the
train split without share-alike licences.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from audiostory.data.manifest import SoundRow
from audiostory.data.sounds import load_rows


def credits_of(rows: Iterable[SoundRow]) -> str:
    """A Markdown table with a row for each source, licence and author, most clips first."""
    counted = Counter((row.source_repo, row.license, row.attribution) for row in rows)
    lines = ["| clips | source | licence | attribution |", "| --- | --- | --- | --- |"]
    for (source, licence, author), count in sorted(
        counted.items(), key=lambda item: (-item[1], item[0])
    ):
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in (source, licence, author))
        lines.append(f"| {count} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(corpus: str) -> None:
    """Print how many clips ``nano`` learns from, how long they are, and their credits."""
    rows = load_rows(Path(corpus), split="train")
    hours = sum(row.seconds for row in rows) / 3600
    sys.stdout.write(f"{len(rows)} clips, {hours:.1f} h.\n\n{credits_of(rows)}")


if __name__ == "__main__":
    main(sys.argv[1])
