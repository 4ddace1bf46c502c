"""Mathematics of measuring, in float64 numpy: distances, divergences, intervals, agreement.

One module per quantity, each with its source and a known answer in its test. Nothing here knows
what the numbers come from.
"""
