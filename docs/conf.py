"""Sphinx: how the documentation becomes a site that works offline."""

from importlib.metadata import version as installed_version

project = "ctxrace"
author = "the ctxrace developers"
release = installed_version("ctxrace")
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = "ctxrace"
html_show_copyright = False
html_show_sourcelink = False
html_show_search_summary = False  # which is fetched, and a page from disk may fetch nothing
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build"]
autodoc_typehints = "description"
nitpicky = False
