"""What is told: the nouns of a story, their text (Eq. 1) and their file. Pure Python, no torch.

Start with ``types`` (Instruction, Storyline, Clip, Story), then ``format`` (story <-> text) and
``plan`` (story <-> ``story.json``). ``grammar`` is the same text as slots for constrained decoding.
Sound, tensors and tokenizers do not belong here.
"""
