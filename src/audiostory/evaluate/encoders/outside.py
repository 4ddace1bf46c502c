"""Packages that cannot be among our extras, and the weights that they fetch themselves.

hear21passt needs torchaudio and torchvision, openl3 an old TensorFlow: neither can be installed
beside this project's torch, so they are used where somebody made an environment for them.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import io
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

from audiostory.errors import CheckpointError, MissingExtraError

Loaded = TypeVar("Loaded")


def outside_module(module: str, *, way_out: str) -> ModuleType:
    """The module named ``module``.

    Args:
        module: dotted name, as in an import statement.
        way_out: how it is installed, for the message.

    Raises:
        MissingExtraError: if it, or anything it imports, is not installed or does not load.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module(module)
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"this needs the package {package}, which does not load here ({error}): {way_out}"
        ) from error


def fetched_by(package: str, load: Callable[[], Loaded], *, way_out: str) -> Loaded:
    """What ``load`` returns, which may fetch weights; its chatter on stdout is dropped.

    Args:
        package: who fetches them.
        load: loads a model.
        way_out: where the file belongs if it is fetched by hand.

    Raises:
        CheckpointError: if they cannot be fetched or read.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return load()
    except (OSError, http.client.HTTPException, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"{package} could not fetch or read its weights ({error}): {way_out}"
        ) from error
