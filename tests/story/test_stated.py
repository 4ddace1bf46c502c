from __future__ import annotations

import time

import pytest

from audiostory.story.stated import stated_duration, tells_times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("... on the floor. The total duration is 41.6s.", 41.6),  # Fig. 4
        ("... outlet cover. The total duration is 31.6 \nseconds.", 31.6),  # Fig. 1
        ("Rain. Total length: 1:30", 90.0),
        ("Rain. total length 1:02:03.5", 3723.5),
        ("A storm with an overall length of 2 minutes and 5 seconds", 125.0),
        ("The total duration should be about 3 min", 180.0),
        ("the length of the track is 20 s, a storm", 20.0),
        ("Total duration = 12 sec", 12.0),
        ("The total duration is 10 seconds. No: the total duration is 20 seconds.", 20.0),
        ("Give me 40 seconds of a workshop: a wheel spins", 40.0),
        ("Please make us about ninety seconds of rain.", 90.0),
        ("A two-minute piece for cello", 120.0),
        ("15 sec clip, a buzzer", 15.0),
        ("a thirty-five second loop of rain", 35.0),
        ("Make it 12 seconds long please, no more: a cork", 12.0),
        ("rain, thunder, six seconds all told", 6.0),
        ("It should last two and a half minutes.", 150.0),
        ("Rain. A minute and a half in total.", 90.0),
        ("Half a minute: rain, hail", 30.0),
        ("Duration should be of 12 seconds, rain", 12.0),
        ("Give me 30 seconds: ten seconds of rain, then twenty of hail", 30.0),
        ("rain + hail = 10s", 10.0),
        ("rain and hail (20 s)", 20.0),
        ("For two and a half minutes we stay in the shed: coal, steam", 150.0),
        ("A farm in winter, 1 min, with crows", 60.0),
        ("Rain falls. It lasts 150.0 seconds.", 150.0),
        ("I need this to be half a minute long in total: a drill", 30.0),
        ("30 seconds of rain and thunder.", 30.0),
        ("Rain, duration 20s", 20.0),
        ("Rain. The clip lasts 20 seconds", 20.0),
        ("make the clip 20 seconds long: rain", 20.0),
        ("This soundscape is 20 seconds long", 20.0),
        ("total duration: 1m30s, rain", 90.0),
        ("A storm with total duration approximately 20 seconds", 20.0),
        ("Total duration: 1,200 seconds", 1200.0),
        ("Hello, I am making a short film. Give me 20 seconds of rain.", None),
        ("The total duration is 2 minutes, 10 seconds.", 130.0),
        ("one hundred and twenty seconds in total", None),
        ("A 1 hour 30 minute soundscape of rain", None),
        ("runners on a 400m track", None),
        ("I am recording rain in a forest", None),
        ("5 am scene in the city", None),
        ("a crowd, loud ones in total", None),
        ("the little ones story time", None),
        ("A bomb ticks. Ten seconds, then it explodes.", None),
        ("An alarm goes off in a 5 second loop, then a man wakes", None),
        ("A clerk says this may take a minute, then a stamp thuds", None),
        ("Runners sprint, 100 m, crowd cheers", None),
        ("Rain for 10 seconds, then thunder", None),
        ("3 seconds: an elk calls; 5 seconds: hail", None),
        ("Give me 10 seconds of rain, then 5 seconds of hail", None),
        ("rain (5 s), hail (10 s)", None),
        ("At 5 s thunder, at 12 s hail", None),
        ("Rain with a duration of 5 s, then hail", None),
        ("A second clip of rain", None),
        ("wait a second", None),
        ("a total of 3 dogs", None),
        ("The total duration is long", None),
        ("The total duration is 5 songs", None),
        ("", None),
    ],
)
def test_stated_total_is_found(text, seconds):
    assert stated_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rain, a dog, a cat", False),
        ("Rain and hail. The total duration is 30 seconds.", False),
        ("at 0:08 a bell", True),
        ("ten seconds of rain, then five seconds of hail", True),
        ("[0-15] monks", True),
    ],
)
def test_times_of_single_things_are_told_from_the_total(text, expected):
    assert tells_times(text) == expected


@pytest.mark.parametrize(
    "unit", ["total duration ", "5 ", "give me ", "a minute ", "is ", " ", "\n", "\n ", "!", "a "]
)
def test_long_texts_take_no_long_time(unit):
    text = f"total duration is{unit * (8_000 // len(unit))} 5 s x"
    began = time.perf_counter()
    stated_duration(text)
    assert time.perf_counter() - began < 1.0
