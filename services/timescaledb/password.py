"""Set a role's password to what standard input holds: `password.py timestack_app < file`.

Runs inside the container, over the socket; the server gets a SCRAM verifier, never the password.
"""

import sys

from entrypoint import fail, psql, scram_verifier

from timestack.shared.roles import BY_NAME


def main() -> None:
    role, password = sys.argv[1], sys.stdin.read().strip()
    if role not in BY_NAME or not password:
        fail(f"no password on standard input, or {role!r} is not a role of this stack")
    psql("postgres", f"alter role {role} password '{scram_verifier(password)}';")


if __name__ == "__main__":
    main()
