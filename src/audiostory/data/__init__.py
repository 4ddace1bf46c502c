"""Training data: rows on disk to batches.

Start with ``manifest`` (what a row of a corpus and of a composed story holds); ``mixing`` turns
a story row and its clips into sound; ``examples`` and ``collate`` make batches. Making rows is
the work of ``curate``, learning from them that of ``train``.
"""
