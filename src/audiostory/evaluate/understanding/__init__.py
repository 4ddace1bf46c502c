"""Understanding: how well captions and answers about sounds agree with people's (Table 2).

Start with ``run`` (asks a captioner or an answerer about a set, and measures); ``captions`` and
``answers`` hold the measures, ``score`` what all of them give. Java's part is in ``jars``.
Not here: reading the sets (``data.sets``), judging generated sound (the rest of ``evaluate``).
"""
