"""Recordings, what is said of them, and questions about it: what understanding is learned from.

Start with ``rows.py``, the one type that every reader makes, and ``questions.py``. Test sets to be
measured on live in ``data/sets``; answering is ``generate/answering.py``.
"""
