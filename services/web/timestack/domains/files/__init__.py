"""Files on hosts: which are looked for, which are known, and the queue of what follows."""
