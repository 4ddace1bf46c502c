"""How fast: the release's own schedule and ours, side by side on the same weights.

Start reading in ``run.py``. What the schedules do is ``generate``'s and ``models``' business.
"""
