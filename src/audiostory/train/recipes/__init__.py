"""Named courses of training: what the paper says, what its appendix says, the release, and ours.

Start reading in ``catalogue.py`` (names to stages), then ``paper_main.py``; ``differences.py``
sets two side by side. What a stage can say is in ``stages.py`` above.
"""
