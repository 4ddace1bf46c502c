from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from audiostory.errors import ChatError
from audiostory.models.remote.form import json_schema_of, response_format


class Mark(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str
    score: int = Field(ge=0, le=5)


class Marks(BaseModel):
    best: Mark = Field(description="the best of them")
    others: list[Mark]


class Loose(BaseModel):
    mark: Mark
    kind: Literal["a", "b"] = "a"


class Table(BaseModel):
    marks: dict[str, int]


class Tree(BaseModel):
    branches: list["Tree"]


def test_what_a_form_refers_to_is_written_in_its_place():
    schema = json_schema_of(Marks)
    assert "$ref" not in str(schema)
    assert schema["properties"]["best"]["properties"]["score"]["maximum"] == 5
    assert schema["properties"]["best"]["description"] == "the best of them"
    assert schema["properties"]["others"]["items"]["required"] == ["reason", "score"]


def test_gemini_is_not_told_about_additional_fields():
    assert "additionalProperties" not in str(json_schema_of(Marks))


def test_the_values_of_a_table_keep_their_type():
    table = json_schema_of(Table)["properties"]["marks"]
    assert table["additionalProperties"] == {"type": "integer"}


def test_a_form_that_contains_itself_is_refused():
    with pytest.raises(ChatError, match="contains itself"):
        json_schema_of(Tree)


@pytest.mark.parametrize(("form", "is_strict"), [(Marks, True), (Loose, False), (Table, False)])
def test_only_a_form_that_needs_all_its_fields_is_strict(form, is_strict):
    told = response_format(form)["json_schema"]
    assert (told["name"], told["strict"]) == (form.__name__, is_strict)


def test_objects_of_a_response_format_take_no_other_fields():
    schema = response_format(Marks)["json_schema"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["others"]["items"]["additionalProperties"] is False
