from dataclasses import replace

import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.suite import Suite, digest_of
from tests.evaluate.benchmark.systems import Ear, Peak


def test_an_encoder_is_listed_under_its_own_name():
    with pytest.raises(MeasureError, match="'ear' is listed as 'nose'"):
        Suite(encoders={"nose": Ear()})


def test_two_metrics_do_not_share_a_column():
    with pytest.raises(MeasureError, match="column 'peak'"):
        Suite(item_metrics=(Peak(), Peak()))


def test_a_digest_changes_with_the_settings_a_column_names():
    columns = Peak.columns
    assert digest_of(columns) == digest_of(tuple(columns))
    changed = (replace(columns[0], detail="over 3 dB"), columns[1])
    assert digest_of(changed) != digest_of(columns)
