"""Files that people upload in parts, to be made tables.

store       rows and bytes: begun, continued where it broke off, deleted when nobody comes back
preview     what a file holds and how it may be read, before anything is written: the layout
            that it proposes, or what is wrong with one that a person corrected
(sample: the first rows of a file; guess: delimiter, header, types, roles; names: safe for SQL)
layout      how the file is read, and what each of its columns becomes
loading     the load that a layout means
"""
