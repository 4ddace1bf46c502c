"""Whether a long track tells the story it was asked for: what the paper's Sec. E.2 asks, measured.

Start with ``grounding`` (the seam of what finds named sounds in time) and ``coverage``; ``timing``,
``joins``, ``consistency``, ``entities`` and ``defects`` are the other metrics. What each number
means and cannot mean: ``docs/narrative-metrics.md``.
Not here: how good single sounds are (``quality``), what a judge thinks (``judge``).
"""
