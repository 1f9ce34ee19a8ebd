"""Datasets: the hypertables that are declared, and those that are made of uploaded files.

tables      what hypertables hold, how much, and from when to when
access      which uploaded one is meant, and who may see and change it
declare     what a layout declares of the table to be made of it
changes     made, renamed, shown to others, deleted: the rows, and the jobs that follow
room        whether the database's disk has room for a file
load        the file into the table
describe    the columns of a table in figures
"""
