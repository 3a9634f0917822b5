"""Data: read from files, checked, and described by their columns.

Pure: dataset (the result), columns, numerals, targets, typed, roles, plausibility (what cells and columns are), tabular (a table becomes a
data set). Shell: sources (chooses the reader), files, rows and tables (CSV), parquet, arrays (npz), folders and images, bundled.
"""
