"""What only an attacker sends, against the published port of a stack of its own.

Each test asserts the one right answer, and after each the stack must serve as before. What floods
is at the end, and the limits that it uses up are only this stack's.
"""
