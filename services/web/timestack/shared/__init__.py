"""What the host and the images of other services use as well: the standard library alone."""
