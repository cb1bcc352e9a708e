"""The porting guide: which call of one framework computes the same as which call of another.

`guide` reads it off the results: two calls are equivalent where both give the truth on the same
cases. `arguments` compares what their functions are called with, and `questions` answers what
people ask, `pages` writes.
"""
