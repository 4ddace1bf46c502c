"""Tracks as participants get them: one loudness, one form, nothing in the file but sound.

Systems write different rates, channels and levels. Everything is made 44.1 kHz stereo and levelled
to one loudness, so that neither the file nor its level says whose it is or makes it seem better;
MP3 at a constant 192 kbit/s is played by every browser, and its bytes are the same each time. The
encoder lowers every track alike, by 0.3 dB.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile

from audiostory.audio.loudness import LoudnessReport, normalize
from audiostory.audio.waveform import Waveform, resample
from audiostory.errors import AudioError

SAMPLE_RATE_HZ = 44_100
KBIT_PER_S = 192
COMPRESSION_LEVEL = 0.4
"""What libsndfile calls 192 kbit/s: from 320 at 0 to 32 at 1, rounded to the nearest that is."""
CHECK_S = 4.0


def levelled(waveform: Waveform, loudness_lufs: float | None) -> tuple[Waveform, LoudnessReport]:
    """The track at 44.1 kHz, stereo, at the loudness asked for, and what that took.

    Args:
        waveform: the track, mono or stereo; mono is heard on both sides.
        loudness_lufs: integrated loudness in LUFS; None keeps the track's own. True peaks are
            kept under -1 dBTP in any case.

    Raises:
        AudioError: for more than two channels or a loudness out of range.
    """
    if waveform.channels > 2:
        raise AudioError(
            f"{waveform.channels} channels: participants listen in stereo, mix it down"
        )
    stereo = np.broadcast_to(waveform.samples, (2, waveform.num_samples)).copy()
    stereo = resample(Waveform(stereo, waveform.sample_rate_hz), SAMPLE_RATE_HZ)
    return normalize(stereo, loudness_lufs)


def mp3_of(waveform: Waveform) -> bytes:
    """An MP3 file without tags; equal samples give equal bytes.

    Raises:
        AudioError: if there are no samples, or the encoder refuses them.
    """
    if not waveform.num_samples:
        raise AudioError("the track holds no samples: there is nothing to hear")
    file = io.BytesIO()
    try:
        with soundfile.SoundFile(
            file,
            "w",
            waveform.sample_rate_hz,
            waveform.channels,
            "MPEG_LAYER_III",
            format="MP3",
            compression_level=COMPRESSION_LEVEL,
            bitrate_mode="CONSTANT",
        ) as out:
            out.write(waveform.samples.T)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"no MP3 could be written ({error}): install a soundfile whose libsndfile has MP3"
        ) from error
    return file.getvalue()


def check_sound(loudness_lufs: float) -> Waveform:
    """Pink noise to set the volume by, as loud as the tracks."""
    num_samples = round(CHECK_S * SAMPLE_RATE_HZ)
    white = np.random.default_rng(0).standard_normal(num_samples)
    hertz = np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE_HZ)
    weights = np.where(hertz < 40, 0, 1 / np.sqrt(np.maximum(hertz, 40)))
    pink = np.fft.irfft(np.fft.rfft(white) * weights, num_samples)
    fade = np.minimum(1, np.minimum(np.arange(num_samples), np.arange(num_samples)[::-1]) / 4_410)
    samples = (0.1 * pink * fade / pink.std()).astype(np.float32)
    return levelled(Waveform(samples[None], SAMPLE_RATE_HZ), loudness_lufs)[0]
