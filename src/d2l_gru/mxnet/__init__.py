"""The book's models and their training in MXNet; `d2l_gru` gives the public names.

File by file the same as `d2l_gru.torch`: to see what a framework changes, compare two of one name.
"""
