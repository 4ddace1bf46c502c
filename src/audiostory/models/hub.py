"""Files from the Hugging Face hub, fetched once into its cache."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from audiostory.errors import CheckpointError

REPO = re.compile(r"[\w.-]+/[\w.-]+")
"""How repositories are called: owner and name."""


def is_repo(name: str) -> bool:
    """Whether a name can be that of a repository."""
    return REPO.fullmatch(name) is not None


def fetched(repo: str, patterns: Sequence[str]) -> Path:
    """The folder with a repository's files; those in the hub's cache are not fetched again.

    Args:
        repo: ``owner/name``.
        patterns: names of the files that are needed, ``*`` allowed.

    Raises:
        CheckpointError: if there is no such repository, or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo, allow_patterns=list(patterns)))
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{repo} is not on this machine and the hub cannot be reached: fetch it where there is "
            f"a network (hf download {repo} {' '.join(patterns)} --local-dir DIR), and give its "
            "folder"
        ) from error
    except HfHubHTTPError as error:
        raise CheckpointError(
            f"the hub does not give {repo} ({str(error).splitlines()[0]}): check the name, or log "
            "in (hf auth login)"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{repo} cannot be kept ({error}): make room on the disk") from error
