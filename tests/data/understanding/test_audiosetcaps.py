import pytest

from audiostory.data.understanding.audiosetcaps import read_audiosetcaps, read_audiosetcaps_qa
from audiostory.data.understanding.rows import BadRowError
from audiostory.errors import CorpusError
from tests.data.sets.files import write_text
from tests.data.understanding.files import write_clips

CAPTIONS = (
    "id,caption\n"
    'Y---1_cCGK4M,"A car idles, then speeds away."\n'
    "Yp8bVbWzL0XQ,\n"
    "OxPnZzn1_L8_000883,A crowd cheers.\n"
    "Ygone0000000,A bell rings.\n"
)
QUESTIONS = (
    "id,question_1,answer_1,question_2,answer_2,question_3,answer_3\n"
    "_7Xe9vD3Hpg_4_10,Describe this audio.,A cello plays.,Is there speech?,No.,Which music?,\n"
    "OxPnZzn1_L8_000883,Describe this audio.,,Is there speech?,,Which music?,\n"
)


@pytest.fixture
def folder(tmp_path):
    write_text(tmp_path / "AudioSetCaps_caption.csv", CAPTIONS)
    write_text(tmp_path / "AudioSetCaps_Qwen-Audio_Q&A.csv", QUESTIONS)
    write_clips(tmp_path, "---1_cCGK4M", "Yp8bVbWzL0XQ", "OxPnZzn1_L8_000883", "_7Xe9vD3Hpg_4_10")
    return tmp_path


def test_captions_of_clips_that_are_there_are_read(folder):
    found = read_audiosetcaps(folder)
    first, second = found.rows
    assert (first.file, first.caption) == (
        "audio/---1_cCGK4M.wav",
        "A car idles, then speeds away.",
    )
    assert (first.start_s, first.seconds) == (None, 10.0)
    assert (second.start_s, second.end_s) == (883.0, 893.0)
    assert [(bad.place, bad.fault) for bad in found.bad] == [
        ("AudioSetCaps_caption.csv:3", "empty caption"),
        ("AudioSetCaps_caption.csv:5", "missing audio"),
    ]


def test_a_bad_row_stops_the_reading_where_asked(folder):
    with pytest.raises(BadRowError, match="AudioSetCaps_caption.csv:3: empty caption"):
        read_audiosetcaps(folder, on_bad="stop")


def test_the_sets_own_questions_are_read_where_they_have_answers(folder):
    found = read_audiosetcaps_qa(folder)
    (row,) = found.rows
    assert [(one.question, one.answer) for one in row.exchanges] == [
        ("Describe this audio.", "A cello plays."),
        ("Is there speech?", "No."),
    ]
    assert row.caption == ""
    assert found.bad[0].said == "no question has an answer"


def test_another_table_is_refused(folder):
    with pytest.raises(CorpusError, match="no column question_1"):
        read_audiosetcaps_qa(folder, questions="AudioSetCaps_caption.csv")


def test_clips_of_videos_that_evaluation_plays_are_left_out_and_counted(folder):
    with (folder / "AudioSetCaps_Qwen-Audio_Q&A.csv").open("a") as table:
        table.write("Yp8bVbWzL0XQ,What is it?,A dog.,,,,\n")
    captioned = read_audiosetcaps(folder, exclude=["YOxPnZzn1_L8"])
    assert [(bad.place, bad.fault) for bad in captioned.bad][1] == (
        "AudioSetCaps_caption.csv:4",
        "held out",
    )
    asked = read_audiosetcaps_qa(folder, exclude=["_7Xe9vD3Hpg_000004"])
    assert [row.file for row in asked.rows] == ["audio/Yp8bVbWzL0XQ.wav"]
    assert "1 left out for held out (AudioSetCaps_Qwen-Audio_Q&A.csv:2)" in asked.summary()
