from __future__ import annotations

from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from audiostory.errors import CheckpointError
from audiostory.models.hub import fetched, is_repo

REPO = "TencentARC/AudioStory-3B"


def answering(monkeypatch, answer) -> list[tuple[str, list[str]]]:
    """Let the hub answer so; what it was asked."""
    asked = []

    def snapshot_download(repo: str, *, allow_patterns: list[str]) -> str:
        asked.append((repo, allow_patterns))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def refusal(kind: type[Exception], code: int) -> Exception:
    """What the hub raises for a repository."""
    response = SimpleNamespace(headers={}, status_code=code, request=None)
    return kind(f"{code} Client Error.\nmore lines", response=response)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        (REPO, True),
        ("google/flan-t5-large", True),
        ("nano", False),
        ("a/b/c", False),
        ("/a", False),
    ],
)
def test_a_repository_has_an_owner_and_a_name(name, is_one):
    assert is_repo(name) is is_one


def test_only_the_files_asked_for_are_fetched(monkeypatch, tmp_path):
    asked = answering(monkeypatch, str(tmp_path))
    assert fetched(REPO, ("*.json", "*.bin")) == tmp_path
    assert asked == [(REPO, ["*.json", "*.bin"])]


def test_without_a_network_the_command_to_fetch_by_hand_is_told(monkeypatch):
    answering(monkeypatch, LocalEntryNotFoundError("no network"))
    with pytest.raises(CheckpointError, match=rf"hf download {REPO} config\.json --local-dir"):
        fetched(REPO, ["config.json"])


def test_offline_nothing_is_asked_of_the_network(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))

    def connect(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", connect)
    with pytest.raises(CheckpointError, match="is not on this machine"):
        fetched("owner/no-such-model", ["config.json"])


@pytest.mark.parametrize(("kind", "code"), [(RepositoryNotFoundError, 404), (GatedRepoError, 403)])
def test_a_repository_that_is_not_given_is_told_in_a_line(monkeypatch, kind, code):
    answering(monkeypatch, refusal(kind, code))
    with pytest.raises(
        CheckpointError, match=rf"does not give {REPO} \({code}.*hf auth login"
    ) as c:
        fetched(REPO, ["config.json"])
    assert "\n" not in str(c.value)


def test_a_full_disk_is_told(monkeypatch):
    answering(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(CheckpointError, match="No space left.*make room"):
        fetched(REPO, ["config.json"])
