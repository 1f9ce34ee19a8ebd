"""What is typed at a terminal of a container: ``python -m timestack.shell jobs list``."""
