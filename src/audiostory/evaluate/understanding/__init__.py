"""Understanding: how well captions and answers about sounds agree with people's (Table 2).

Start with ``asking`` (a ``listener`` is asked about a set, into a file of ``predictions``) and
``run`` (measures such a file); ``captions`` and ``answers`` hold the measures, ``score`` what all
of them give. Java's part is in ``jars``, what was paid in ``bill``.
Not here: reading the sets (``data.sets``), judging generated sound (the rest of ``evaluate``).
"""
