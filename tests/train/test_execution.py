from __future__ import annotations

import pytest

from audiostory.errors import ConfigError
from audiostory.train.execution import Execution


def test_a_batch_has_at_least_one_part() -> None:
    with pytest.raises(ConfigError, match="accumulate is 0"):
        Execution(accumulate=0)


def test_shares_render_no_samples() -> None:
    with pytest.raises(ConfigError, match="--samples-every"):
        Execution(shard=True, samples_every=10)
