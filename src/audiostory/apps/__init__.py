"""Front doors: the command line, and what it needs to look after files and progress.

Start reading in ``cli.py``. No logic lives here: doors turn what a person typed into calls of
the rooms below, and the rooms' errors into one or two lines.
"""
