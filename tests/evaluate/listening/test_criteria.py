from audiostory.evaluate.listening.criteria import CRITERIA, MAX_SCORE, SCALE


def test_the_criteria_are_the_columns_of_table_8():
    columns = [each.column for each in CRITERIA]
    assert columns == ["Instruct-Follow", "Consist.", "Fidelity", "Reason. Logic"]


def test_the_scale_goes_from_0_to_5_in_steps_of_1():
    assert MAX_SCORE == 5
    assert len(set(SCALE)) == 6


def test_no_two_criteria_ask_the_same():
    for name in ("key", "title", "question"):
        assert len({getattr(each, name) for each in CRITERIA}) == len(CRITERIA)
