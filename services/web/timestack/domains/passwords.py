"""The rule for passwords: long enough, and not easy to guess.

How many tries a password withstands is estimated by zxcvbn (D. L. Wheeler, "zxcvbn: Low-Budget
Password Strength Estimation", USENIX Security 2016).
"""

from __future__ import annotations

from threading import Lock

MINIMUM = 12
# Flask-Security's own limit for the forms.
MAXIMUM = 128
# Of zxcvbn's scores from 0 to 4: more than 10^8 tries.
LEAST_SCORE = 3
# Only so many first characters are judged. The time grows steeply with signs that may replace
# a letter: 24 of them take at most half a second, 72 take four, 128 twelve.
JUDGED = 24

# zxcvbn keeps the words about the person in a dictionary that all threads share.
_turn = Lock()


def fault(password: str, email: str) -> str | None:
    """A sentence that says what is wrong with a new password of ``email``, and what to do.

    None when nothing is.
    """
    if not MINIMUM <= len(password) <= MAXIMUM:
        return f"Choose {MINIMUM} to {MAXIMUM} characters."
    # Its lists of words take 12 MB, which most processes that know this module never need.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    with _turn:
        found = zxcvbn(password[:JUDGED], user_inputs=_about(email))
    if found["score"] >= LEAST_SCORE:
        return None
    why = found["feedback"]["warning"] or "This is easy to guess."
    return (
        f"{why} Choose four or more words that do not belong together, or let a password manager"
        " make one."
    )


def _about(email: str) -> list[str]:
    """Words that an attacker who knows the address would try."""
    name, _, domain = email.partition("@")
    # Cut as the password is: the whole address must be found in its beginning.
    return [word[:JUDGED] for word in (email, name, domain, domain.partition(".")[0], "timestack")]
