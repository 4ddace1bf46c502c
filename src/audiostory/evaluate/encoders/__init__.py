"""Networks that hear: audio to embeddings, class probabilities, or a space shared with text.

Start with ``encoder`` (the seam all share and how long audio is windowed); ``catalogue`` names
them all. Each other module is one network or adapter: architecture from its paper, weights from
a local file or a URL with its sha256.
Not here: what is computed from features (``statistics``, ``quality``).
"""
