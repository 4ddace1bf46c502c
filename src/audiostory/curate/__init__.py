"""Building data sets: sounds and words become instructions, storylines and mixes.

Start with ``compose`` (one seeded story, or a file of them); ``scenes`` decides what happens
when, ``phrasing`` how a person would ask for it, ``elaborate`` how the storyline answers.
Rows and their readers live in ``data``; nothing here needs torch.
"""
