"""Numbers recorded from the released code, and ours beside them.

``python -m tests.golden DIR`` checks every case of a folder: an ``INDEX.json``, per case a manifest
``NAME.json`` and its tensors ``NAME.safetensors``. A case is checked by its ``kind``; sizes,
settings and tolerances are read from its manifest. The folders are too large to live in the
repository: ``test_golden.py`` checks the one called ``golden`` near the checkout, if there is one.
"""
