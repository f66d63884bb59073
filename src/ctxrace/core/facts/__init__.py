"""Facts about a search and its result that a report puts into words.

Start with `reason` (why a verdict is incomplete) and `remark` (what a reader must know besides); `fault` is what code
does that no machine does. They import only `ctxrace.core`; `ctxrace.report.sentences` has a sentence for each.
"""
