from __future__ import annotations

import json
from dataclasses import replace

import pytest

from audiostory.errors import AudioError, InstructionError
from audiostory.generate.batch.job_file import read_jobs
from audiostory.story.plan_file import save_plan
from audiostory.story.types import Instruction
from tests.story.plans import plan_from, two_events


def as_it_is(job):
    return job


@pytest.fixture
def read(tmp_path):
    """Read jobs from a file of these lines."""

    def reading(*lines: str | bytes, complete=as_it_is):
        stored = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (tmp_path / "rows.jsonl").write_bytes(b"\n".join(stored))
        return read_jobs(tmp_path / "rows.jsonl", complete)

    return reading


def test_a_row_is_an_instruction_with_its_length_seed_and_name(read):
    (job,) = read('{"id": "a-1.b_c", "instruction": " Rain ", "duration_s": 5, "seed": 7}')
    assert (job.id, job.seed) == ("a-1.b_c", 7)
    assert job.source == Instruction(text="Rain", duration_s=5.0)


def test_a_row_without_a_name_is_called_by_its_line(read):
    jobs = read('{"instruction": "Rain"}', "", " \r", '{"instruction": "Il pleut 🌧️"}\r', "")
    assert [job.id for job in jobs] == ["00001", "00004"]
    assert jobs[0].seed == 0
    assert jobs[1].source.text == "Il pleut 🌧️"


def test_a_plan_is_found_beside_the_rows(read, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "plans").mkdir()
    save_plan(plan_from(two_events()), tmp_path / "plans" / "a.json")
    (job,) = read('{"plan": "plans/a.json"}')
    assert job.source == plan_from(two_events())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not JSON: Expecting property name"),
        (b'{"instruction": "caf\xe9"}', "byte 21 is not UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ('"Rain"', "not a row: write an object"),
        ("{}", "exactly one of them"),
        ('{"instruction": "Rain", "plan": "a.json"}', "exactly one of them"),
        ('{"instruction": "Rain", "lenght": 3}', "has no field 'lenght'; it has id, instruction"),
        ('{"instruction": "Rain", "seed": 1, "seed": 2}', "'seed' is given twice"),
        ('{"instruction": "Rain", "seed": 1.5}', "row.seed is 1.5"),
        ('{"instruction": "Rain", "seed": true}', "row.seed is True"),
        ('{"instruction": "Rain", "seed": -1}', "seed is -1"),
        ('{"instruction": "Rain", "seed": 9223372036854775808}', "seed is 9223372036854775808"),
        ('{"instruction": "Rain", "duration_s": "5"}', "row.duration_s is '5'"),
        ('{"instruction": "Rain", "duration_s": NaN}', "finite"),
        ('{"instruction": "Rain", "duration_s": 0}', "give between 1 and 14400 seconds"),
        ('{"instruction": "  "}', "the instruction is empty"),
        ('{"instruction": "\\ud800"}', "not valid UTF-8"),
        ('{"instruction": 3}', "row.instruction is 3"),
        ('{"id": 3, "instruction": "Rain"}', "row.id is 3"),
        ('{"id": "../x", "instruction": "Rain"}', "'../x' cannot name files"),
        ('{"id": "", "instruction": "Rain"}', "'' cannot name files"),
        ('{"id": ".hidden", "instruction": "Rain"}', "'.hidden' cannot name files"),
        ('{"id": "a b", "instruction": "Rain"}', "'a b' cannot name files"),
        ('{"id": "a\\n", "instruction": "Rain"}', "cannot name files"),
        ('{"id": "' + 101 * "a" + '", "instruction": "Rain"}', "at most 100"),
        ('{"plan": "none.json"}', "no such plan"),
        ('{"plan": "."}', "cannot be read"),
        ('{"plan": "a.json", "seed": 3}', "a plan has its own duration_s and seed"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_row_is_told_by_its_line(read, line, told):
    with pytest.raises(InstructionError, match=r"rows\.jsonl: a row cannot be told") as raised:
        read('{"instruction": "Rain"}', line)
    second = str(raised.value).splitlines()[1]
    assert second.startswith("line 2: ")
    assert told in second


def test_all_bad_rows_are_told_in_one_error(read):
    lines = [json.dumps({"id": "A", "instruction": "Rain"})]
    lines += ['{"id": "a", "instruction": "Wind"}', "{", '{"instruction": "Hail"}', "{}"]
    with pytest.raises(InstructionError) as raised:
        read(*lines)
    told = str(raised.value).splitlines()
    assert "3 rows cannot be told" in told[0]
    assert [line.partition(":")[0] for line in told[1:]] == ["line 2", "line 3", "line 5"]
    assert "the id 'a' is that of line 1" in told[1]


def test_more_bad_rows_than_anybody_reads_are_counted(read):
    with pytest.raises(InstructionError, match=r"\.\.\. and 80 more$"):
        read(*["{}"] * 100)


def test_what_else_is_wrong_about_a_job_is_told_with_its_line(read):
    def complain(job):
        raise AudioError("too loud")

    with pytest.raises(InstructionError, match="line 1: too loud"):
        read('{"instruction": "Rain"}', complete=complain)
    (job,) = read('{"instruction": "Rain"}', complete=lambda job: replace(job, seed=3))
    assert job.seed == 3


def test_a_file_without_rows_is_told(read, tmp_path):
    with pytest.raises(InstructionError, match="holds no row"):
        read("", " ")
    with pytest.raises(InstructionError, match="there is no such file"):
        read_jobs(tmp_path / "none.jsonl", as_it_is)
    with pytest.raises(InstructionError, match="cannot be read"):
        read_jobs(tmp_path, as_it_is)


def test_a_byte_order_mark_is_no_part_of_the_first_row(read):
    (job,) = read(b'\xef\xbb\xbf{"instruction": "Rain"}')
    assert job.source.text == "Rain"
