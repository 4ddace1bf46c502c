"""Signals: waveforms in, waveforms out. numpy only, no networks.

Start at ``waveform.py`` (the noun and its files), then ``join.py`` (clips to one track),
``loudness.py`` (how loud, how high the peaks; its limiter is ``limiter.py``) and
``picture.py`` (the story drawn over its sound).
Not here: codecs and anything learned (``models``), mixing of corpus clips (``data``).
"""
