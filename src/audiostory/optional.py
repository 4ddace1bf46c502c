"""Optional packages, imported where they are needed and missed with a way out."""

from __future__ import annotations

import importlib
from types import ModuleType

from audiostory.errors import MissingExtraError


def require(module: str, *, extra: str) -> ModuleType:
    """The module named ``module``, which the extra ``extra`` installs.

    Args:
        module: dotted name, as in an import statement.
        extra: name of the extra in ``pyproject.toml`` that brings it.

    Raises:
        MissingExtraError: if it is not installed; the message has the pip command. A module that
            is installed but fails to import something else raises its own ImportError.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise
        raise MissingExtraError(
            f"this needs the package {module.partition('.')[0]}, which is not installed: "
            f'pip install "audiostory[{extra}]"'
        ) from error
