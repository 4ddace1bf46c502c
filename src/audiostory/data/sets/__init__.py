"""Test sets: what systems are asked, and the truth their answers are compared with.

Start with ``item`` (one question and its truth). Each other module reads one set or format:
``nano_stories`` ships with the package, the rest read manifests of data sets people hold.
Not here: asking systems and measuring answers (``evaluate``).
"""
