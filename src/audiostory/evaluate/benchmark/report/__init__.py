"""Results as tables, files and a page to listen to.

Start with ``write`` (all of them into one folder). ``tables`` is Markdown and CSV in the layout of
the paper's Tables 1 and 3, ``page`` is HTML with audio, spectrograms and the scores of each item;
``notes`` says under the tables of both what the columns are. Nothing here computes a number.
"""
