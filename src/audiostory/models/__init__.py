"""Networks: one step of computation each, with its config dataclass above it.

Start with ``audiostory.py`` (the parts, wired), then ``bridge.py`` (LLM states to a condition),
``dit.py`` and ``flow.py`` (a condition to latents) and ``vae.py`` (latents to sound).

Not here: decoding and rendering loops (``generate``), losses over batches and optimisers
(``train``), files of sound (``audio``), the text of a story (``story``).
"""
