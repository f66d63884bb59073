"""What was found out about the programs of a BPF object, in every form.

Read `said` first: the sentences. `run` makes of a finding the interleaving that all other reports draw, `trial` what
formats for machines know; `text`, `mail` and `json` are whole reports.
"""
