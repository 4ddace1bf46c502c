"""The release's own way from an instruction to sound, number for number: profile ``release``.

Start reading in ``pipeline.py``. The product's way is one room up, in ``generate/pipeline.py``.
"""
