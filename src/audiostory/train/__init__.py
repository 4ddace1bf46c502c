"""The training loop: stages and recipes as data, one objective, one trainer (Sec. 4.3).

Start reading in ``stages.py`` (what each stage trains) and ``objective.py`` (Eq. 2, 3, 5-8).
Rows and batches live in ``data/``; networks in ``models/``; building a corpus in ``curate/``.
"""
