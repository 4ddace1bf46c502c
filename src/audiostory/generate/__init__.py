"""Inference: from an instruction to a finished narration, one straight path.

Start reading in ``pipeline.py``; ``reasoner.py`` writes the story (with ``decoding.py``) and reads
the conditions, ``renderer.py`` makes them sound, ``clip_store.py`` keeps finished sound on disk.
``batch`` runs that path for many stories, ``released`` is the release's own.

Not here: networks (``models``), joins and loudness (``audio``), the plan file (``story/plan.py``),
learning (``train``), commands (``apps``).
"""
