"""Every error is drawn in the hierarchy and caught as one kind."""

from __future__ import annotations

import inspect
import re

from audiostory import errors


def test_every_error_is_drawn_in_the_hierarchy():
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    defined = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}
    assert drawn == defined - {"AudioStoryError"}


def test_every_error_is_an_audiostory_error():
    kinds = [kind for kind in vars(errors).values() if inspect.isclass(kind)]
    assert all(issubclass(kind, errors.AudioStoryError) for kind in kinds)
