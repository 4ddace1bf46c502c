"""A model that hears scores tracks from 0 to 5, as in AudioStory, Sec. 3 and Appendix E.2.

Start with ``judge`` (a track to its verdict), then ``rubric`` (what is asked; the texts lie in
``rubrics``). ``question`` is what is sent, ``hearing`` the sound in it, ``answers`` what came, kept
on disk, ``cost`` its price and limit, ``verdict`` one track's scores, ``report`` a whole set's.
Not here: the model that is asked (``models/remote``).
"""
