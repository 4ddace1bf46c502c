import dataclasses

import pytest

from audiostory.chat import AudioPart, ChatUnavailableError
from audiostory.errors import ChatError
from audiostory.models.remote.catalogue import build_client
from tests.chat_server import Reply
from tests.models.remote.apis import ASKED, BothApis


class TestOpenAI(BothApis):
    api = "openai"

    def test_settings_and_form_are_sent_as_the_api_names_them(self, server, client):
        client.ask(ASKED)
        (asked,) = server.asked
        assert asked.path == "/v1/chat/completions"
        assert (asked.body["temperature"], asked.body["seed"]) == (0.5, 3)
        assert asked.body["max_tokens"] == 99
        form = asked.body["response_format"]["json_schema"]
        assert form["strict"] is True
        assert form["schema"]["properties"]["score"]["maximum"] == 5

    @pytest.mark.parametrize(
        ("structured", "told"), [("json", {"type": "json_object"}), ("text", None)]
    )
    def test_a_form_can_be_asked_for_without_a_schema(self, server, structured, told):
        build_client(server.spec("openai", f"?structured={structured}")).ask(ASKED)
        assert server.asked[0].body.get("response_format") == told
        assert '"score"' in server.asked[0].text

    def test_an_empty_account_is_not_waited_for(self, server, client, slept):
        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        server.script = [Reply(status=429, error=error)]
        with pytest.raises(ChatUnavailableError, match="quota"):
            client.ask(ASKED)
        assert slept == []

    def test_a_server_without_schemas_is_told_how_to_be_asked(self, server, client):
        server.script = [Reply(status=400, error={"message": "json_schema is not supported"})]
        with pytest.raises(ChatError, match=r"not supported.*\?structured=json"):
            client.ask(ASKED)

    def test_openai_itself_takes_no_flac(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "a-key")
        request = dataclasses.replace(ASKED, audio=(AudioPart(data=b"", format="flac"),))
        with pytest.raises(ChatError, match="wav or mp3"):
            build_client("openai:m").ask(request)
