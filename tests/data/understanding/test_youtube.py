import pytest

from audiostory.data.understanding.youtube import clip_name, videos_of


@pytest.mark.parametrize(
    ("name", "bare", "start_s"),
    [
        ("Y---1_cCGK4M", "---1_cCGK4M", None),
        ("---1_cCGK4M", "---1_cCGK4M", None),
        ("OxPnZzn1_L8_000883", "OxPnZzn1_L8_000883", 883.0),
        ("_7Xe9vD3Hpg_4_10", "_7Xe9vD3Hpg_4_10", 4.0),
        ("Y1ZooVL-H9A_30_40", "Y1ZooVL-H9A_30_40", 30.0),
        ("Y---1_cCGK4M_30_40", "---1_cCGK4M_30_40", 30.0),
        ("YvideoName0", "YvideoName0", None),
        ("something else", "something else", None),
    ],
)
def test_names_of_every_source_are_understood(name, bare, start_s):
    found = clip_name(name)
    assert name in found.stems
    assert bare in found.stems
    assert f"Y{bare}" in found.stems
    assert found.start_s == start_s


def test_a_video_is_known_by_the_names_of_all_sources():
    names = ["Y---1_cCGK4M", "---1_cCGK4M", "---1_cCGK4M_000030", "Y---1_cCGK4M_30_40", "other"]
    assert videos_of(names) == {"---1_cCGK4M", "other"}
