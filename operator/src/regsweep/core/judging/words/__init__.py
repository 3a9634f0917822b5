"""The sentences of an analysis, each made from typed fields: the only place that words them. Plain Python.

Statuses hold them as messages, tables print them below the ranking. Nothing reads them again: programs read the types.
"""
