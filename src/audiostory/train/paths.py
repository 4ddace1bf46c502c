"""Where runs find what they learn from, and where they keep what they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where runs find what they learn from, and where they keep what they make."""

    runs: Path
    """Folder of the model's runs; each recipe has one of its own in it."""
    corpus: Path | None = None
    """Folder of captioned clips with a ``metadata.jsonl``."""
    stories: Path | None = None
    """JSON Lines of composed stories."""
    texts: Path | None = None
    """Folder of ``*.txt`` whose lines the tokenizer also learns from."""
    teacher: Path | None = None
    """Folder of the text encoder whose features semantic tokens learn."""
    foundation: Path | None = None
    """Folder of a model whose parts are pretrained, for recipes that begin with one."""

    pairs: Path | None = None
    """Folder of sounds, one preferred to another (``audiostory preferences``)."""
    questions: tuple[tuple[str, Path], ...] = ()
    """Lists of recordings to ask about, each a name (``data/understanding/catalogue.py``) and a
    folder; without any, questions are asked about the corpus."""

    def need(self, name: str) -> Path:
        """The path called ``name``.

        Raises:
            TrainingError: saying which option gives it, if it was not given.
        """
        path: Path | None = getattr(self, name)
        if path is None:
            raise TrainingError(f"this recipe needs {name}: give --{name} (docs/nano.md)")
        return path

    @property
    def cache(self) -> Path:
        """Folder of decoded clips, latents and text features."""
        return self.runs / "cache"

    def run(self, recipe: str) -> Path:
        """Folder of one recipe's run."""
        return self.runs / recipe.rpartition("/")[2]
