"""The command line: each verb parses, calls one function and prints one report.

Start with app.py, the table of the verbs, then check.py, a verb, and options.py, which makes options from the tables of
the values that they set. status.py has the exit statuses, main.py what happens where a verb fails.
May import everything; nothing imports it.
"""
