"""The listening study: what people say of tracks whose makers they do not know (Sec. 5.6).

Start with ``study`` (writes the page that participants get, and the key that they do not) and
``scoring`` (from their answers to Tables 8 and 9). ``assets`` holds the page. What is heard by
whom is ``assignment``; statistics themselves live in ``evaluate.statistics``.
"""
