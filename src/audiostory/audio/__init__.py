"""Signals: waveforms in, waveforms out. numpy only, no networks.

Start at ``waveform.py`` (the noun and its files), then ``join.py`` (clips to one track),
``loudness.py`` (target loudness and peak ceiling, built on ``meter.py`` and ``limiter.py``) and
``picture.py`` (the story drawn over its sound).
Not here: codecs and anything learned (``models``), mixing of corpus clips (``data``).
"""
