"""Many stories: each finished once, whatever fails, on one machine or on a cluster.

Start reading in ``many.py``; ``together.py`` has several stories under way at once on one device,
``cluster.py`` shares them over machines with Ray. How one story is made lives in
``generate/pipeline.py``.
"""
