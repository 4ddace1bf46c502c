"""Other systems behind the same seams: an instruction goes in, a narration comes out (Table 1).

Start reading in ``planned.py``: a planner (``planners.py``) with a text-to-audio model
(``text_to_audio.py`` has the seam, ``catalogue.py`` the models). Measuring them belongs in
``evaluate/``; our own model belongs in ``models/`` and ``generate/``.
"""
