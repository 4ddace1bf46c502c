"""The benchmark: systems answer a set of questions, and all answers are measured alike.

Start with ``run`` (ask and measure, item by item, resumable) and ``folder`` (what lies on disk);
``suite`` says what is measured, ``results`` reads folders back as numbers with intervals, and the
report's modules draw them. ``cluster`` runs many machines at once.
Systems come as ``Generator``s from outside: ``baselines`` and ``apps`` know them, this room not.
"""
