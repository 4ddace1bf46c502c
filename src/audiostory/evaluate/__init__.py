"""Measuring: what a planner understood and what a generator's sounds are heard as.

Start with ``reserve`` (200 instructions nobody trains on, and whether a plan names their sounds)
and ``recognisability`` (whether clips are recognised by a ``tagger`` that learnt from real ones,
through ``tagger_training``). Nothing here knows a model: planners and renderers come as callables.
Learning what is measured is the work of ``train``, asking for it that of ``apps``.
"""
