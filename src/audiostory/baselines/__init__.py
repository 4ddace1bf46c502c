"""Other systems behind the same seam: an instruction goes in, a narration comes out (Table 1).

Empty for now: planners and text-to-audio adapters move in with the comparison of Table 1.
Measuring them belongs in ``evaluate/``; our own model belongs in ``models/`` and ``generate/``.
"""
