"""Measuring: what a system's answers are worth, and what a model can and cannot.

Start with ``benchmark`` (systems, sets, reports) and ``metric`` (what a measure is). Measures:
``quality``, ``heard_classes``, ``clap_score`` (named by ``protocols``), ``narrative``, ``judge``,
``understanding``, ``listening``; they hear through ``encoders`` and ``embedded``.
``reserve`` and ``recognisability`` check ``nano``'s plans and sounds.
Systems come as callables: no model is known here. Asking is the work of ``apps``.
"""
