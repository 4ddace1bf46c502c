"""AudioStory: an instruction becomes a finished story in sound.

    from audiostory import AudioStoryPipeline, Instruction, save
    narration = AudioStoryPipeline.from_pretrained("nano").generate(
        Instruction(text="Rain falls. A door slams shut.", duration_s=30), seed=7
    )
    save(narration.waveform, Path("story.wav"))

Start reading in ``story/types.py`` (the nouns) and ``generate/pipeline.py`` (the straight path).
Importing this package loads neither torch nor an optional package: the names below are fetched
when they are first asked for (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audiostory.audio.waveform import Waveform as Waveform
    from audiostory.audio.waveform import load as load
    from audiostory.audio.waveform import save as save
    from audiostory.errors import AudioStoryError as AudioStoryError
    from audiostory.generate.narration import Narration as Narration
    from audiostory.generate.pipeline import AudioStoryPipeline as AudioStoryPipeline
    from audiostory.models.audiostory import AudioStoryModel as AudioStoryModel
    from audiostory.story.plan import Plan as Plan
    from audiostory.story.plan import PlanSettings as PlanSettings
    from audiostory.story.plan_file import load_plan as load_plan
    from audiostory.story.plan_file import save_plan as save_plan
    from audiostory.story.types import Instruction as Instruction

__version__ = "0.1.0"

_HOMES = {
    "AudioStoryError": "audiostory.errors",
    "AudioStoryModel": "audiostory.models.audiostory",
    "AudioStoryPipeline": "audiostory.generate.pipeline",
    "Instruction": "audiostory.story.types",
    "Narration": "audiostory.generate.narration",
    "Plan": "audiostory.story.plan",
    "PlanSettings": "audiostory.story.plan",
    "Waveform": "audiostory.audio.waveform",
    "load": "audiostory.audio.waveform",
    "load_plan": "audiostory.story.plan_file",
    "save": "audiostory.audio.waveform",
    "save_plan": "audiostory.story.plan_file",
}

__all__ = ["__version__", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """A public name, from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module 'audiostory' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, fetched or not."""
    return sorted(__all__)
