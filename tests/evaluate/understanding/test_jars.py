import sys
from pathlib import Path

import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.understanding import jars
from audiostory.evaluate.understanding.jars import (
    SPICE_FILES,
    find_java,
    meteor_alignments,
    spice,
    tokenize,
)
from audiostory.evaluate.understanding.meteor import meteor_of, meteor_of_items

needs_java = pytest.mark.skipif(find_java() is None, reason="no Java here")
CANDIDATES = {"a": ["a dog barks"], "b": ["rain"]}
REFERENCES = {"a": ["a dog barks", "a dog howls"], "b": ["it rains"]}


@pytest.fixture
def program(tmp_path):
    """A stand-in for Java that runs the lines of Python it is given."""

    def made(*lines):
        path = tmp_path / "java"
        path.write_text("\n".join((f"#!{sys.executable}", "import json, sys, time", *lines)))
        path.chmod(0o755)
        return path

    return made


@pytest.fixture
def parser(tmp_path):
    """A folder that holds what SPICE needs, by name."""
    (tmp_path / "lib").mkdir()
    for name in SPICE_FILES:
        (tmp_path / "lib" / name).touch()
    return tmp_path


def test_java_is_found_on_the_search_path(program, monkeypatch):
    path = program("pass")
    monkeypatch.setenv("PATH", str(path.parent))
    assert find_java() == path
    monkeypatch.setenv("PATH", str(path.parent / "nowhere"))
    assert find_java() is None


@needs_java
def test_captions_become_treebank_tokens_in_any_script_and_locale(monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    java = find_java()
    assert java is not None
    captions = [
        "A dog barks, loudly!",
        "",
        "Un café près de l'eau – naïve 雨",
        "two\nlines\u2028or\x85more",
        "it's a ||| pipe",
        "...",
    ]
    assert tokenize(captions, java=java) == [
        "a dog barks loudly",
        "",
        "un café près de l'eau naïve 雨",
        "two lines or more",
        "it 's a | | | pipe",
        "",
    ]


@pytest.mark.slow
@needs_java
def test_meteor_of_the_counts_is_what_the_program_itself_prints():
    java = find_java()
    assert java is not None
    caps = [
        "a dog barks loudly",
        "the dog is barking while rain falls on a roof",
        "birds chirp in the background as people are talking",
        "engines running quickly",
        "the children laugh at a joke",
    ]
    candidates = {
        str(n): [text]
        for n, text in enumerate([*caps[:2], "hounds bark loud in rain", "", "zzz", "café 雨"])
    }
    references = {
        str(n): [caps[(n + 3 * step) % 5] for step in range(n % 3 + 1)] for n in range(5)
    } | {"5": ["café 雨"]}
    counts = meteor_alignments(candidates, references, java=java)
    lines = [f"EVAL ||| {' ||| '.join(' '.join(map(str, one)) for one in counts)}"]
    module = jars.require("pycocoevalcap.meteor.meteor", extra="captions")
    jar = Path(module.__file__).parent / module.METEOR_JAR
    command = [java, "-Xmx2G", "-jar", jar, "-", "-", "-stdio", "-l", "en", "-norm"]
    *own, whole = map(float, jars._run(command, lines))
    rows = np.array(counts)
    assert meteor_of_items(rows) == pytest.approx(own)
    assert meteor_of(rows) == pytest.approx(whole)
    assert own[0] == own[5] == 1.0  # a caption that is its reference, in ASCII and beyond
    assert own[3] == own[4] == 0.0
    assert 0 < own[2] < 1


def test_spice_without_its_parser_names_the_files_and_where_they_come_from(tmp_path, program):
    with pytest.raises(MeasureError, match=r"corenlp-3\.6\.0\.jar and .*models\.jar in .*lib: "):
        spice(CANDIDATES, REFERENCES, java=program("pass"), folder=tmp_path)


def answering(told):
    return (
        "asked = json.load(open(sys.argv[4]))",
        "assert asked[0] == {'image_id': 'a', 'test': 'a dog barks', "
        "'refs': ['a dog barks', 'a dog howls']}",
        f"json.dump({told}, open(sys.argv[6], 'w'))",
    )


def test_spice_scores_are_read_by_item(parser, program):
    told = "[{'image_id': n, 'scores': {'All': {'f': f}}} for n, f in (('b', 0.5), ('a', 1.0))]"
    java = program(*answering(told))
    assert spice(CANDIDATES, REFERENCES, java=java, folder=parser) == [1.0, 0.5]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("[{'image_id': 'a', 'scores': {'All': {'f': 1.0}}}]", r"no score to b \(1 items\)"),
        ("[{'image_id': n, 'scores': {'All': {'f': 'NaN'}}} for n in 'ab']", "no score to a, b"),
        ("[{'image_id': 'a'}]", "no scores that can be read"),
        ("7", "no scores that can be read"),
    ],
)
def test_spice_scores_that_are_not_there_are_an_error(parser, program, told, said):
    with pytest.raises(MeasureError, match=said):
        spice(CANDIDATES, REFERENCES, java=program(*answering(told)), folder=parser)


def test_a_program_that_fails_is_told_with_its_last_words(parser, program):
    java = program("sys.exit('InaccessibleObjectException')")
    with pytest.raises(MeasureError, match=r"spice-1\.0\.jar failed .*Inaccessible.*Java 8"):
        spice(CANDIDATES, REFERENCES, java=java, folder=parser)
    with pytest.raises(MeasureError, match="cannot be run"):
        tokenize(["rain"], java=parser / "no-java")


def test_a_program_that_hangs_is_stopped(program, monkeypatch):
    monkeypatch.setattr(jars, "TIMEOUT_S", 0.1)
    with pytest.raises(MeasureError, match=r"did not end within 0\.1 s"):
        tokenize(["rain"], java=program("time.sleep(30)"))


def test_lines_that_are_lost_on_the_way_are_an_error(program):
    with pytest.raises(MeasureError, match="made 1 lines of 2 captions"):
        tokenize(["rain", "wind"], java=program("print('rain wind')"))
    with pytest.raises(MeasureError, match="told 1 lines of counts for 2"):
        meteor_alignments(CANDIDATES, REFERENCES, java=program("print('1.0 2.0')"))
