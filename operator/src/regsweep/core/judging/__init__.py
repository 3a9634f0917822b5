"""What the results come to: the ranking, the analysis, and how sure both are.

What is shown has one type, that of `regsweep.api.analysis`, made where it is computed and carried unchanged to status and
report; types of `stats` are working tables that nobody is shown.
"""
