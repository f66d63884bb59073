"""Reports for machines: one file for each format. Start with render.py, the table of them."""
