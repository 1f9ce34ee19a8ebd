"""A warning in the log while there is time to renew the certificates."""

from timestack.domains import certificates
from timestack.queue import app
from timestack.settings import Settings


@app.task(name="certificates.check", soft_time_limit=20, time_limit=30)
def check() -> int:
    """Log which certificates end within thirty days; count them."""
    return certificates.warn(Settings.load().secrets_dir)
