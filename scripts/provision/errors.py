"""What ends a provisioning command with a message and without a traceback."""

from __future__ import annotations


class Refused(Exception):
    """The command stops before it changes anything; ``faults`` holds one sentence each."""

    def __init__(self, *faults: str):
        self.faults = faults
        super().__init__("\n".join(faults))


class Unfinished(Exception):
    """The command did what it could, but differences remain; each line names one."""

    def __init__(self, *lines: str):
        super().__init__("\n".join(lines))
