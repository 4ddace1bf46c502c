"""Short orchestral phrases, the music of cartoons: seeded scores, their captions and their sound.

Start with ``phrases`` (one seeded score) and ``folder`` (a corpus of them); ``captions`` says of a
score what its notes bear out, ``render`` plays it on a soundfont. Other music is not composed here.
"""
