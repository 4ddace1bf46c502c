"""The embedded evaluator: two small networks that hear, learnt from real clips and shipped here.

Start with ``evaluator`` (both, and how reports name them). ``detector`` finds which kinds of sound
are heard when; ``text_audio`` puts sounds and words into one space. ``mixtures``,
``detector_training`` and ``text_audio_training`` are how they were learnt.
Numbers made with them compare systems heard by them, and nothing else.
"""
