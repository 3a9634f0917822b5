"""A sweep or a run as one HTML page, complete in itself: text, tables, and pictures as SVG. Needs the extra `notebook`."""
