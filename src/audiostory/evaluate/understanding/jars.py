"""Java's part of caption metrics: PTB tokens, METEOR's alignments and SPICE, from pycocoevalcap.

Its programs are called here and not through its own wrappers, which write into the package's
folder, decode text as the machine's locale says, and wait for ever for a program that has died.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from audiostory.errors import MeasureError
from audiostory.optional import require

EXTRA = "captions"
TIMEOUT_S = 3_600
"""After this long a program is taken to hang; METEOR takes seconds for a thousand captions."""
SPICE_FILES = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")
"""What SPICE needs and pycocoevalcap does not bring."""
METEOR_FIELDS = 23

Tokens = Mapping[str, Sequence[str]]
"""Tokenised captions by item: words with single spaces between them."""


def find_java() -> Path | None:
    """The ``java`` of the search path, if there is one."""
    found = shutil.which("java")
    return None if found is None else Path(found)


def tokenize(captions: Sequence[str], *, java: Path) -> list[str]:
    """Captions as Penn Treebank tokens in lower case, without punctuation.

    This is what MS COCO's evaluation and its followers compute every caption metric on.

    Args:
        captions: any text; line breaks count as spaces.
        java: the program that runs Java.

    Raises:
        MissingExtraError: if pycocoevalcap is not installed.
        MeasureError: if the tokenizer fails.
    """
    module = require("pycocoevalcap.tokenizer.ptbtokenizer", extra=EXTRA)
    jar = Path(str(module.__file__)).parent / module.STANFORD_CORENLP_3_4_1_JAR
    lines = [" ".join(caption.split()) for caption in captions]
    program = "edu.stanford.nlp.process.PTBTokenizer"
    options = ["-preserveLines", "-lowerCase", "-encoding", "UTF-8"]
    told = _run([java, "-cp", jar, program, *options], lines)
    if len(told) != len(lines):
        raise MeasureError(
            f"the tokenizer made {len(told)} lines of {len(lines)} captions: look for control "
            "characters in them"
        )
    dropped = set(module.PUNCTUATIONS)
    return [" ".join(word for word in line.split() if word not in dropped) for line in told]


def meteor_alignments(
    candidates: Tokens, references: Tokens, *, java: Path
) -> list[tuple[float, ...]]:
    """METEOR 1.5's counts for each item, of the reference that its candidate fits best.

    Args:
        candidates: one tokenised caption for each item.
        references: tokenised captions for each of the same items.
        java: the program that runs Java; it takes up to 2 GB of memory.

    Raises:
        MissingExtraError: if pycocoevalcap is not installed.
        MeasureError: if METEOR fails.
    """
    module = require("pycocoevalcap.meteor.meteor", extra=EXTRA)
    jar = Path(str(module.__file__)).parent / module.METEOR_JAR
    lines = [
        " ||| ".join(("SCORE", *references[name], *candidate))
        for name, candidate in candidates.items()
    ]
    options = ["-", "-", "-stdio", "-l", "en", "-norm"]
    told = _run([java, "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", jar, *options], lines)
    counts = [tuple(float(number) for number in line.split()) for line in told]
    if len(counts) != len(lines) or any(len(one) != METEOR_FIELDS for one in counts):
        raise MeasureError(f"METEOR told {len(told)} lines of counts for {len(lines)} items")
    return counts


def spice(
    candidates: Tokens, references: Tokens, *, java: Path, folder: Path | None = None
) -> list[float]:
    """SPICE's F-score of each item, in [0, 1].

    Not verified here: Stanford CoreNLP 3.6.0, which it needs, could not be had.

    Args:
        candidates: one tokenised caption for each item.
        references: tokenised captions for each of the same items.
        java: the program that runs Java; it takes up to 8 GB of memory.
        folder: where ``spice-1.0.jar`` and ``lib`` lie; None is where pycocoevalcap has them.

    Raises:
        MissingExtraError: if pycocoevalcap is not installed.
        MeasureError: naming the files that are not there, or if SPICE fails.
    """
    module = require("pycocoevalcap.spice.spice", extra=EXTRA)
    folder = folder or Path(str(module.__file__)).parent
    absent = [name for name in SPICE_FILES if not (folder / "lib" / name).is_file()]
    if absent:
        raise MeasureError(
            f"SPICE needs {' and '.join(absent)} in {folder / 'lib'}: take them out of "
            "stanford-corenlp-full-2015-12-09.zip from nlp.stanford.edu/software"
        )
    entries = [
        {"image_id": name, "test": candidate[0], "refs": list(references[name])}
        for name, candidate in candidates.items()
    ]
    with tempfile.TemporaryDirectory() as room:
        asked, answered = Path(room) / "captions.json", Path(room) / "scores.json"
        asked.write_text(json.dumps(entries), encoding="utf-8")
        options = [asked, "-out", answered, "-subset", "-silent"]
        try:
            _run([java, "-Xmx8G", "-jar", folder / module.SPICE_JAR, *options], [])
            told = json.loads(answered.read_text(encoding="utf-8"))
            scores = {one["image_id"]: float(one["scores"]["All"]["f"]) for one in told}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MeasureError(f"SPICE left no scores that can be read: {error!r}") from error
    lost = [name for name in candidates if not math.isfinite(scores.get(name, math.nan))]
    if lost:
        raise MeasureError(f"SPICE gave no score to {', '.join(lost[:5])} ({len(lost)} items)")
    return [scores[name] for name in candidates]


def _run(command: Sequence[str | Path], lines: Sequence[str]) -> list[str]:
    """Lines that a program told when it was told some.

    Raises:
        MeasureError: if it cannot be started, fails, hangs or tells no text.
    """
    name = next((Path(part).name for part in command if str(part).endswith(".jar")), "Java")
    text = "".join(f"{line}\n" for line in lines).encode("utf-8")
    try:
        done = subprocess.run(
            [str(part) for part in command], input=text, capture_output=True, timeout=TIMEOUT_S
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
            raise MeasureError(
                f"{name} failed with status {done.returncode} and said: {said[-1][:300]}; "
                "SPICE and METEOR are older than Java 9: try Java 8 where a later one fails"
            )
        told = done.stdout.decode("utf-8")
    except subprocess.TimeoutExpired as error:
        raise MeasureError(f"{name} did not end within {TIMEOUT_S} s") from error
    except (OSError, UnicodeDecodeError) as error:
        raise MeasureError(f"{name} cannot be run: {error}") from error
    return told.split("\n")[:-1] if told.endswith("\n") else told.split("\n")
