"""The embedded evaluator: two small networks behind YAMNet, learnt from real clips.

Start with ``evaluator`` (both, and how reports name them). ``moments`` is what they hear of a
track; ``detector`` finds which kinds of sound are heard when; ``text_audio`` puts sounds and words
into one space. ``scenes``, ``examples`` and the modules named ``training`` are how they learnt.
Numbers made with them compare systems heard by them, and nothing else.
"""
