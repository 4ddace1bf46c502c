import pytest

from audiostory.chat import ChatUnavailableError
from audiostory.errors import ConfigError
from audiostory.models.remote.catalogue import build_client
from audiostory.models.remote.gemini import GeminiClient
from audiostory.models.remote.openai import OpenAIClient


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "a-key")


def test_a_line_names_a_model_of_gemini():
    client = build_client("gemini:gemini-2.0-flash")
    assert isinstance(client, GeminiClient)
    assert client.name == "gemini:gemini-2.0-flash"


def test_a_line_names_a_model_on_a_server_of_ones_own():
    client = build_client("openai:Qwen/Qwen2.5-Omni-7B@http://localhost:8000/v1?structured=json")
    assert isinstance(client, OpenAIClient)
    assert client.config.model == "Qwen/Qwen2.5-Omni-7B"
    assert client.config.base_url == "http://localhost:8000/v1"
    assert client.name == ("openai:Qwen/Qwen2.5-Omni-7B@http://localhost:8000/v1?structured=json")


def test_patience_is_no_part_of_a_name():
    client = build_client("openai:m?timeout_s=5&max_retries=0&max_wait_s=1.5")
    assert isinstance(client, OpenAIClient)
    assert (client.config.timeout_s, client.config.max_retries) == (5.0, 0)
    assert client.name == "openai:m"


@pytest.mark.parametrize("spec", ["gpt-4o", "openai:", "claude:opus", "openai:@http://x"])
def test_other_lines_are_refused_with_the_form_of_a_good_one(spec):
    with pytest.raises(ConfigError, match="openai:MODEL@URL"):
        build_client(spec)


def test_no_password_gets_into_a_name():
    with pytest.raises(ConfigError, match="AUDIOSTORY_CHAT_KEY") as caught:
        build_client("openai:m@https://me:secret@example.org/v1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("structured=xml", "schema, json, text"),
        ("timeout_s=soon", "give a number"),
        ("temperature=1", "no option 'temperature'"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build_client(f"openai:m?{options}")


@pytest.mark.parametrize("api", ["gemini", "openai"])
def test_a_missing_key_is_named_and_never_asked_for_elsewhere(api, monkeypatch):
    monkeypatch.delenv(f"{api.upper()}_API_KEY")
    monkeypatch.setenv("GOOGLE_API_KEY", "another")
    with pytest.raises(ChatUnavailableError, match=f"variable {api.upper()}_API_KEY"):
        build_client(f"{api}:m")
