"""The book's models and their training in MXNet; `d2l_gru` gives the public names.

It mirrors `d2l_gru.torch` file by file: to see what a framework changes, compare the two files of
one name.
"""
