"""AudioStory: an instruction becomes a finished story in sound.

Start reading in ``story/types.py`` (the nouns) and ``generate/pipeline.py`` (the straight path).
Importing this package loads neither torch nor an optional package.
"""

__version__ = "0.1.0"
