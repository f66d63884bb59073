"""What was found out of machine code in earlier runs, kept between runs by content.

Read `store` first: where findings lie, and when they are not trusted. What is found out is the business of those who
keep it; verdicts are never among it. Imports `core`, and of `machine` only `build` and `inputs`.
"""
