"""Checkpoints of others: where their files lie, which sizes they have, how they become ours.

The names of the released tensors, and how they are read, are one room up, in ``checkpoint.py``; our
own layout is ``model_folder.py``. Start reading in ``importing.py``.
"""
