"""Other systems behind the same seam: an instruction goes in, a narration comes out (Table 1).

Start reading in ``tangoflux.py``. Measuring them belongs in ``evaluate/``; our own model belongs in
``models/`` and ``generate/``.
"""
