from dataclasses import replace

import pytest

from audiostory.chat import ChatUnavailableError
from audiostory.models.remote.catalogue import build_client
from tests.chat_server import Reply
from tests.models.remote.apis import ASKED, FITS, BothApis


class TestGemini(BothApis):
    api = "gemini"

    def test_settings_and_form_are_sent_as_the_api_names_them(self, server, client):
        client.ask(ASKED)
        (asked,) = server.asked
        assert asked.path == "/v1beta/models/a-model:generateContent"
        settings = asked.body["generationConfig"]
        assert (settings["temperature"], settings["seed"]) == (0.5, 3)
        assert settings["maxOutputTokens"] == 99
        assert settings["responseMimeType"] == "application/json"
        assert settings["responseSchema"]["properties"]["score"]["maximum"] == 5
        assert settings["responseSchema"]["required"] == ["reason", "score"]

    @pytest.mark.parametrize(("structured", "mime"), [("json", "application/json"), ("text", None)])
    def test_a_form_can_be_asked_for_without_a_schema(self, server, structured, mime):
        build_client(server.spec("gemini", f"?structured={structured}")).ask(ASKED)
        settings = server.asked[0].body["generationConfig"]
        assert "responseSchema" not in settings
        assert settings.get("responseMimeType") == mime

    def test_an_answer_that_ends_for_no_good_reason_is_not_whole(self, server, client):
        cut = Reply(finish="other")
        server.script = [cut]
        assert client.ask(replace(ASKED, schema=None)).text == FITS
        assert "cut off" in server.asked[1].text

    def test_a_wait_may_stand_in_the_details_of_the_error(self, server, client, slept):
        detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
        server.script = [Reply(status=429, error={"message": "quota", "details": [detail]})]
        assert client.ask(ASKED).text == FITS
        assert slept == [34.0]

    def test_an_invalid_key_stops_everything_though_it_comes_as_a_400(self, server, client):
        detail = {"reason": "API_KEY_INVALID"}
        server.script = [Reply(status=400, error={"message": "no", "details": [detail]})]
        with pytest.raises(ChatUnavailableError, match="check the key"):
            client.ask(ASKED)
