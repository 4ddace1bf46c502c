"""Sound as samples: the ``Waveform``, its files, and changes of rate and length.

Shapes: ``C`` audio channels, ``N`` samples. Samples are float32 in [-1, 1] at full scale; larger
values are legal between steps and refused only where a file format could not hold them.
"""

from __future__ import annotations

import errno
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audiostory.errors import AudioError, OutputError

Samples = NDArray[np.float32]

MIN_SAMPLE_RATE_HZ = 4_000
MAX_SAMPLE_RATE_HZ = 192_000
MAX_WAV_BYTES = 2**32 - 2**16  # sizes in a WAV header are 32 bit
CHUNK_SAMPLES = 1 << 18  # samples handled at once, so that long tracks need little extra memory

PCM_SUBTYPES = ("PCM_16", "PCM_24", "PCM_32")


@dataclass(frozen=True)
class FileKind:
    """What libsndfile has to be told to write one suffix."""

    format: str
    subtypes: tuple[str, ...]
    """Encodings on offer; the first is the default."""
    rates_hz: tuple[int, ...] = ()
    """Sample rates the encoder takes; empty for any."""


_MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_FILE_KINDS = {
    ".wav": FileKind("WAV", ("PCM_16", "PCM_24", "FLOAT")),
    ".flac": FileKind("FLAC", ("PCM_16", "PCM_24")),
    ".ogg": FileKind("OGG", ("VORBIS",)),
    ".opus": FileKind("OGG", ("OPUS",), (8_000, 12_000, 16_000, 24_000, 48_000)),
    ".mp3": FileKind("MP3", ("MPEG_LAYER_III",), _MP3_RATES_HZ),
}
SUFFIXES = tuple(_FILE_KINDS)


@dataclass(frozen=True, eq=False)
class Waveform:
    """Samples and their rate: a piece of sound that knows how long it lasts.

    Treat the samples as read-only: functions here return new waveforms.

    Raises:
        AudioError: if the samples are not finite float32 (C, N) with at least one channel, or the
            rate is none that audio is sampled at.
    """

    samples: Samples
    """float32 (C, N); full scale is 1."""
    sample_rate_hz: int

    def __post_init__(self) -> None:
        """Refuse what is not sound."""
        check_sample_rate(self.sample_rate_hz)
        if self.samples.ndim != 2 or self.samples.shape[0] < 1:
            raise AudioError(
                f"samples have shape {self.samples.shape}: give (channels, samples), "
                "for mono samples[None, :]"
            )
        if self.samples.dtype != np.float32:
            raise AudioError(f"samples are {self.samples.dtype}: give float32, full scale at 1")
        with np.errstate(invalid="ignore"):
            total = float(self.samples.sum(dtype=np.float64))  # keeps NaN and infinity
        if not math.isfinite(total):
            raise AudioError("samples hold NaN or infinity: the step that made them failed")

    @property
    def num_samples(self) -> int:
        """Samples per channel."""
        return int(self.samples.shape[1])

    @property
    def channels(self) -> int:
        """Number of audio channels."""
        return int(self.samples.shape[0])

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate_hz


def check_sample_rate(sample_rate_hz: int) -> int:
    """``sample_rate_hz`` itself, if sound is sampled at such rates.

    Raises:
        AudioError: if it is not a whole number between 4 and 192 kHz.
    """
    is_whole = isinstance(sample_rate_hz, int) and not isinstance(sample_rate_hz, bool)
    if not is_whole or not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise AudioError(
            f"a sample rate of {sample_rate_hz!r} Hz does not exist: give a whole number from "
            f"{MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ}, such as 24000, 44100 or 48000"
        )
    return sample_rate_hz


def samples_in(duration_s: float, sample_rate_hz: int) -> int:
    """Whole samples in ``duration_s``: the one place where seconds are rounded to samples."""
    return round(duration_s * sample_rate_hz)


def silence(duration_s: float, sample_rate_hz: int, channels: int = 1) -> Waveform:
    """Zeros of the given length."""
    num_samples = samples_in(duration_s, check_sample_rate(sample_rate_hz))
    if num_samples < 0:
        raise AudioError(f"silence of {duration_s} s: give 0 s or more")
    return Waveform(np.zeros((channels, num_samples), np.float32), sample_rate_hz)


def trim(waveform: Waveform, start_s: float, duration_s: float) -> Waveform:
    """The stretch of ``duration_s`` seconds that begins at ``start_s`` (a view, not a copy).

    Raises:
        AudioError: if the stretch is not wholly inside the waveform.
    """
    first = samples_in(start_s, waveform.sample_rate_hz)
    last = first + samples_in(duration_s, waveform.sample_rate_hz)
    if not 0 <= first <= last <= waveform.num_samples:
        raise AudioError(
            f"cannot take {duration_s} s from {start_s} s of a sound of {waveform.duration_s:g} s"
        )
    return Waveform(waveform.samples[:, first:last], waveform.sample_rate_hz)


def pad(waveform: Waveform, duration_s: float) -> Waveform:
    """The waveform followed by silence, ``duration_s`` seconds in all.

    Raises:
        AudioError: if the waveform is longer than that already.
    """
    num_missing = samples_in(duration_s, waveform.sample_rate_hz) - waveform.num_samples
    if num_missing < 0:
        raise AudioError(f"a sound of {waveform.duration_s:g} s cannot be padded to {duration_s} s")
    padded = np.pad(waveform.samples, ((0, 0), (0, num_missing)))
    return Waveform(padded, waveform.sample_rate_hz)


def to_mono(waveform: Waveform) -> Waveform:
    """The mean of the channels, as one channel."""
    if waveform.channels == 1:
        return waveform
    mean = waveform.samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return Waveform(mean, waveform.sample_rate_hz)


def resample(waveform: Waveform, sample_rate_hz: int) -> Waveform:
    """The same sound at another rate, its length kept to the nearest sample (soxr, high quality).

    Raises:
        AudioError: if the rate does not exist.
    """
    check_sample_rate(sample_rate_hz)
    if sample_rate_hz == waveform.sample_rate_hz:
        return waveform
    num_samples = round(waveform.num_samples * sample_rate_hz / waveform.sample_rate_hz)
    resampled = np.zeros((waveform.channels, num_samples), np.float32)
    for channel, row in zip(waveform.samples, resampled, strict=True):
        # soxr may round the length the other way: then its last sample goes, or a zero stays
        converted = soxr.resample(channel, waveform.sample_rate_hz, sample_rate_hz)[:num_samples]
        row[: len(converted)] = converted
    return Waveform(resampled, sample_rate_hz)


def load(path: Path, sample_rate_hz: int | None = None, *, mono: bool = False) -> Waveform:
    """The sound in a wav, flac, ogg, opus or mp3 file.

    Args:
        path: the file.
        sample_rate_hz: rate to convert to; None keeps the file's.
        mono: whether to average the channels into one.

    Raises:
        AudioError: if the file is missing, empty, damaged or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"there is no sound file at {path}")
    try:
        with soundfile.SoundFile(path) as file:
            samples = _read_all(file)
            file_rate_hz = int(file.samplerate)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(
            f"{path} cannot be read as sound ({error}): convert it to wav, flac, ogg or mp3"
        ) from error
    if samples.shape[1] == 0:
        raise AudioError(f"{path} holds no samples")
    try:
        waveform = Waveform(samples, file_rate_hz)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from error
    waveform = to_mono(waveform) if mono else waveform
    return waveform if sample_rate_hz is None else resample(waveform, sample_rate_hz)


def _read_all(file: soundfile.SoundFile) -> Samples:
    """All samples of an open file as (C, N), read in chunks to avoid a second copy."""
    samples = np.empty((file.channels, file.frames), np.float32)
    num_read = 0
    while num_read < file.frames:
        chunk = file.read(min(CHUNK_SAMPLES, file.frames - num_read), "float32", always_2d=True)
        if len(chunk) == 0:  # compressed files may announce a little more than they hold
            break
        samples[:, num_read : num_read + len(chunk)] = chunk.T
        num_read += len(chunk)
    return samples[:, :num_read]


def save(
    waveform: Waveform, path: Path, *, overwrite: bool = False, subtype: str | None = None
) -> None:
    """Write the waveform to ``path``, in the kind its suffix names; whole or not at all.

    Args:
        waveform: what to write; within full scale unless the subtype is ``FLOAT``.
        path: ends in .wav, .flac, .ogg, .opus or .mp3.
        overwrite: whether an existing file may be replaced.
        subtype: encoding, such as ``PCM_24`` or ``FLOAT``; None is 16 bit for wav and flac.
            Files of one waveform have equal bytes for PCM, not for FLOAT, ogg and opus, which
            libsndfile stamps with the time.

    Raises:
        OutputError: if the file exists, cannot be written whole, or its kind does not take the
            suffix, the rate or the subtype. No partial file is left behind.
        AudioError: if there is nothing to write, or samples exceed full scale.
    """
    path = Path(path)
    kind = kind_of(path, waveform.sample_rate_hz)
    subtype = kind.subtypes[0] if subtype is None else subtype
    _check_writable_as(waveform, path, kind, subtype)
    with atomic_output(path, overwrite=overwrite) as partial:
        _write_all(waveform, partial, kind, subtype)


def kind_of(path: Path, sample_rate_hz: int | None) -> FileKind:
    """The kind of file that the suffix names, if it takes the rate (None: any).

    Raises:
        OutputError: naming the suffixes or the rates there are.
    """
    kind = _FILE_KINDS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(f"{path} has no sound suffix: use one of {', '.join(SUFFIXES)}")
    if sample_rate_hz is not None and kind.rates_hz and sample_rate_hz not in kind.rates_hz:
        known = ", ".join(map(str, kind.rates_hz))
        raise OutputError(
            f"{path}: no {sample_rate_hz} Hz in such files; choose wav, or one of {known}"
        )
    return kind


def _check_writable_as(waveform: Waveform, path: Path, kind: FileKind, subtype: str) -> None:
    """Refuse before writing what the file kind cannot hold."""
    if subtype not in kind.subtypes:
        raise OutputError(f"{path}: no subtype {subtype!r}; it has {', '.join(kind.subtypes)}")
    if waveform.num_samples == 0:
        raise AudioError(f"nothing to write to {path}: the sound has no samples")
    bytes_per_sample = {"PCM_16": 2, "PCM_24": 3}.get(subtype, 4)
    is_too_big = waveform.samples.size * bytes_per_sample > MAX_WAV_BYTES
    if kind.format == "WAV" and is_too_big:
        raise OutputError(f"{path}: a wav file ends at 4 GB; write flac instead")
    peak = max(float(waveform.samples.max()), -float(waveform.samples.min()))
    if subtype != "FLOAT" and peak > 1.0:
        raise AudioError(
            f"{path}: samples reach {20 * math.log10(peak):+.1f} dBFS and would clip: normalise "
            "the loudness, lower the gains, or write a wav of subtype FLOAT"
        )


def _write_all(waveform: Waveform, partial: Path, kind: FileKind, subtype: str) -> None:
    """Encode all samples into ``partial``; OSError unless every one of them got there."""
    channels, rate_hz = waveform.channels, waveform.sample_rate_hz
    try:
        encoder = soundfile.SoundFile(partial, "w", rate_hz, channels, subtype, None, kind.format)
        with encoder as out:
            for first in range(0, waveform.num_samples, CHUNK_SAMPLES):
                out.write(waveform.samples[:, first : first + CHUNK_SAMPLES].T)
        num_written = soundfile.info(partial).frames
    except (soundfile.LibsndfileError, AssertionError) as error:  # asserts that all was written
        raise OSError(errno.EIO, f"the encoder stopped ({error}); is the disk full?") from error
    if kind.subtypes[0] in PCM_SUBTYPES and num_written != waveform.num_samples:
        raise OSError(errno.ENOSPC, "the file is not whole; is the disk full?")


@contextmanager
def atomic_output(
    path: Path, *, overwrite: bool, way_out: str = "choose an existing, writable folder with room"
) -> Iterator[Path]:
    """A new empty file beside ``path`` to write to; it becomes ``path`` when the block succeeds.

    Args:
        path: where the file goes.
        overwrite: whether a file that is there may be replaced.
        way_out: what to do where it cannot be written.

    Raises:
        OutputError: if ``path`` exists and may not be replaced, or anything in the block or in
            putting the file in place raises OSError. The partial file is removed then.
    """
    _refuse_existing(path, overwrite=overwrite)
    partial = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part")
    try:
        with ExitStack() as cleaning:
            partial.touch(exist_ok=False)
            cleaning.callback(partial.unlink, missing_ok=True)
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())  # a full disk may show only now
            _refuse_existing(path, overwrite=overwrite)
            partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}; {way_out}") from error


def _refuse_existing(path: Path, *, overwrite: bool) -> None:
    """OutputError if writing to ``path`` would destroy something."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: choose another name, or allow it to be overwritten")
