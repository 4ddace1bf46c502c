"""Scripted grounders, subjects, plans and small synthetic stories for the tests of this room."""

from __future__ import annotations

import numpy as np

from audiostory.audio.waveform import Waveform
from audiostory.data.manifest import Room
from audiostory.data.mixing import filtered, in_room
from audiostory.data.sets.item import NamedSound
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.metric import Subject
from audiostory.evaluate.narrative.grounding import Activity
from audiostory.story.plan import Plan, PlanClip, PlanEvent, PlanInstruction, PlanStoryline
from audiostory.story.types import Clip, Event, Story, Storyline
from tests.evaluate.tracks import item

RATE_HZ = 16_000
CARD = EncoderCard(
    name="script",
    checkpoint="script",
    digest="0" * 12,
    sample_rate_hz=RATE_HZ,
    window_s=0.1,
    hop_s=0.1,
    dimension=2,
)


class ScriptedGrounder:
    """Hears each text at the spans it is told, whatever the track; 10 frames a second."""

    card = CARD

    def __init__(self, heard, *, deaf_to=(), duration_s=None):
        self.heard, self.deaf_to, self.duration_s = heard, deaf_to, duration_s
        self.num_asked = 0

    def hear_sounds(self, waveform, sounds):
        self.num_asked += 1
        duration_s = waveform.duration_s if self.duration_s is None else self.duration_s
        presence_QT = np.zeros((len(sounds), max(1, round(duration_s * 10))), np.float32)
        for row_T, sound in zip(presence_QT, sounds, strict=True):
            for start_s, end_s in self.heard.get(sound.text, ()):
                row_T[round(start_s * 10) : round(end_s * 10)] = 0.9
        thresholds = [np.nan if sound.text in self.deaf_to else 0.5 for sound in sounds]
        return Activity(
            presence_QT=presence_QT,
            frames_per_s=10.0,
            thresholds_Q=np.array(thresholds, np.float32),
        )


def named(*texts, **fields):
    """One sound an event, in the order given."""
    return tuple(NamedSound(text=text, event=event, **fields) for event, text in enumerate(texts))


def story(*edges_s):
    """A story whose events meet at these moments."""
    events = tuple(
        Event(start_s=start, end_s=end, detail="something happens", sounds="a sound")
        for start, end in zip(edges_s, edges_s[1:], strict=False)
    )
    clips = tuple(Clip(caption="a sound", duration_s=event.duration_s) for event in events)
    return Story(storyline=Storyline(summary="", events=events), clips=clips)


def plan(*clips, duration_s=None):
    """A plan of (caption, start_s, end_s) or (caption, start_s, end_s, layer)."""
    total_s = max(clip[2] for clip in clips) if duration_s is None else duration_s
    return Plan(
        instruction=PlanInstruction(text="a story"),
        storyline=PlanStoryline(
            events=[PlanEvent(start_s=0.0, end_s=total_s, detail="all", sounds="all")]
        ),
        clips=[
            PlanClip(
                caption=caption, start_s=start, duration_s=end - start, layer=(*layer, "main")[0]
            )
            for caption, start, end, *layer in clips
        ],
        duration_s=total_s,
    )


def subject(track, *, planned=None, heard_as=None, **fields):
    """A track that answers an item with these fields."""
    return Subject(
        item=item("item", **fields),
        waveform=track,
        plan=planned,
        features_of=lambda name: heard_as[name],
    )


def zeros(duration_s, channels=1, rate_hz=RATE_HZ):
    return Waveform(np.zeros((channels, round(duration_s * rate_hz)), np.float32), rate_hz)


def texture(duration_s, low_hz, high_hz, *, seed, level=0.05):
    """Noise in a band that swells and fades, as wind or traffic do."""
    rng = np.random.default_rng(seed)
    samples = filtered(
        rng.standard_normal(round(duration_s * RATE_HZ), np.float32), low_hz, high_hz, RATE_HZ
    )
    swell = 1 + 0.5 * np.sin(2 * np.pi * 0.7 * np.arange(len(samples)) / RATE_HZ + seed)
    samples = samples * swell * level / np.sqrt(np.square(samples).mean())
    return Waveform(samples[None].astype(np.float32), RATE_HZ)


def bursts(kind, seed, duration_s=6.0):
    """Dry claps, pings or bursts of noise, at random moments, mono (N,)."""
    rng = np.random.default_rng((seed, len(kind)))
    dry_N = np.zeros(round(duration_s * RATE_HZ), np.float32)
    for moment_s in np.sort(rng.uniform(0.2, duration_s - 1.0, 6)):
        times_s = np.arange(round(0.4 * RATE_HZ)) / RATE_HZ
        if kind == "clap":
            one = 0.5 * rng.standard_normal(len(times_s)) * np.exp(-times_s / 0.015)
        elif kind == "ping":
            one = 0.3 * np.sin(2 * np.pi * rng.uniform(600, 2500) * times_s)
            one *= np.exp(-times_s / 0.03)
        else:
            one = 0.15 * rng.standard_normal(len(times_s)) * (times_s < rng.uniform(0.1, 0.4))
        first = round(moment_s * RATE_HZ)
        dry_N[first : first + len(one)] += one.astype(np.float32)[: len(dry_N) - first]
    return dry_N


ROOMS = (
    Room(name="closet", rt60_s=0.3, wet_db=-6.0, lowpass_hz=7_000.0, noise_db=-60.0),
    Room(name="hall", rt60_s=1.5, wet_db=-4.0, lowpass_hz=2_500.0, noise_db=-45.0),
    Room(name="office", rt60_s=0.7, wet_db=-8.0, highpass_hz=300.0, noise_db=-70.0),
    Room(name="church", rt60_s=2.0, wet_db=-3.0, lowpass_hz=1_500.0, noise_db=-52.0),
)
KINDS = ("clap", "burst", "ping", "burst")


def heard_in(kind, room, seed, duration_s=6.0, tilt_hz=8_000.0):
    """An event's sounds in a room, over the room's own noise, dull above ``tilt_hz``; (N,)."""
    wet_N = in_room(bursts(kind, seed, duration_s), room, RATE_HZ, seed=seed)
    hiss_N = np.random.default_rng((seed, 7)).standard_normal(len(wet_N), np.float32)
    return wet_N + filtered(hiss_N, 20.0, tilt_hz, RATE_HZ) * np.float32(10 ** (room.noise_db / 20))
