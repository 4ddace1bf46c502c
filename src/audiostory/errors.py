"""Errors that a user of AudioStory can meet, each one or two lines with the way out.

AudioStoryError
├── InstructionError     the text, duration or media a person asked with
├── FormatError          text that is not a story in the form of Eq. 1
├── PlanError            a ``story.json`` that cannot be sounded
├── ConfigError          an unknown or ill-typed configuration field
├── ShapeError           tensors that do not fit together
├── CheckpointError      missing, truncated, tampered or foreign weights
├── AudioError           samples or sound files that cannot be used
├── CorpusError          rows or clips of a training corpus or a test set
├── ChatError            a model behind an API that gives no usable answer
├── UnavailableError     a program or server outside of this process, at present
├── MeasureError         numbers that cannot be computed from what was given
├── DeviceMemoryError    a device too small for what it should compute
├── OutputError          a place that cannot be written, or must not be overwritten
├── TrainingError        a run that cannot go on
└── MissingExtraError    an optional package that is not installed
"""


class AudioStoryError(Exception):
    """A mistake the caller can mend; the message says what is wrong and the way out."""


class InstructionError(AudioStoryError):
    """The instruction cannot be followed as it stands."""


class FormatError(AudioStoryError):
    """Text is not a story in the form of Eq. 1."""


class PlanError(AudioStoryError):
    """A plan file is malformed or contradicts itself."""


class ConfigError(AudioStoryError):
    """A configuration names an unknown field or holds a value of the wrong type."""


class ShapeError(AudioStoryError):
    """Tensors do not have the shapes a computation needs."""


class CheckpointError(AudioStoryError):
    """Weights are missing, damaged or belong to another model."""


class AudioError(AudioStoryError):
    """Samples or a sound file cannot be used."""


class CorpusError(AudioStoryError):
    """A corpus manifest or one of its clips cannot be used."""


class ChatError(AudioStoryError):
    """A model behind an API gave no usable answer."""


class UnavailableError(AudioStoryError):
    """A program or server outside of this process cannot be used now, whatever it is asked."""


class MeasureError(AudioStoryError):
    """A number cannot be computed from what was given."""


class DeviceMemoryError(AudioStoryError):
    """A device's memory does not suffice."""


class OutputError(AudioStoryError):
    """A result cannot be written where it was asked for."""


class TrainingError(AudioStoryError):
    """A training run cannot start or go on."""


class MissingExtraError(AudioStoryError):
    """An optional dependency is not installed."""
