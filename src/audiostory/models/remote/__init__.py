"""Models asked over HTTP: the clients behind the seam of ``chat``.

Start with ``catalogue`` (a line such as ``gemini:gemini-2.0-flash`` to its client), then ``client``
(keys, retries, waits); ``gemini`` and ``openai`` are the shapes of two APIs, ``form`` is how the
form of an answer is told to them. Not here: what is asked (``evaluate/judge``, ``baselines``).
"""
