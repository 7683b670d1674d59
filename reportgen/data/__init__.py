"""Data sets as arrays: found in any layout, decoded once, known by the hash of their content.

`source`, `search` and `known` answer questions about data without importing torch or numpy; `load`
and `batches` read it.
"""
