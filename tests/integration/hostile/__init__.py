"""What only an attacker sends, against the published port of a stack of its own.

Each test asserts the one right answer, and after each the stack must serve as before. The limits
that are used up are this stack's alone.
"""
