from audiostory.data.manifest import sound_row
from audiostory.data.understanding.corpus import heard_rows

CLIP = {
    "file": "a.ogg", "seconds": 1.5, "caption": "A dog barking", "group": "animals_farm",
    "split": "train", "recording": "a", "license": "CC0-1.0",
}  # fmt: skip


def test_a_clip_is_heard_as_its_caption_and_its_group():
    (row,) = heard_rows([sound_row(CLIP)])
    assert (row.file, row.seconds, row.caption) == ("a.ogg", 1.5, "A dog barking")
    assert row.labels == ("animals farm",)


def test_a_group_that_names_no_sound_is_no_label():
    (row,) = heard_rows([sound_row(CLIP | {"group": "misc"})])
    assert row.labels == ()
