"""Reports as one HTML file, and lanes as a picture.

Read `parts` first: what a page is made of. `results`, `claim` and `thread` make pages of what was found; `track` says
where each context stands in each row of an interleaving, `rail` draws that, `steps` is what the page's script steps
through, and `render` puts all into one file. Imports core and the rest of report alone.
"""
