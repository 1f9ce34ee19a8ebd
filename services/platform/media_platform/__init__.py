"""A simulated media platform, for development and tests: ``python -m media_platform``.

It simulates a service that is not ours: log-in, usage, manifest, companies and prices over HTTP on
port 9000, and a mail server on port 2525 that keeps what it is sent. All of its data is invented;
every answer says so in the header ``X-Simulated``. It knows nothing of the package ``timestack``,
and the package nothing of it. Its one setting is PLATFORM_PASSWORD_FILE (default
/run/secrets/platform_password), the file of the password that every simulated user has.

=================================== ============================================================
``GET /health``                     200 when it serves
``POST /api/login``                 ``{"user", "password"}`` for a token; see ``login``
``GET /api/usage``                  ``?account=&from=&to=&cursor=`` with a bearer token; pages
``GET /api/accounts``               every account, for the service token: the password itself
``GET /api/manifest``               version, address and SHA-256 of the document; has an ETag
``GET /api/manifest/<version>.json`` the document; every version stays
``POST /api/manifest/publish``      control: make the next version
``GET``, ``POST /api/faults``       control: see ``faults``
``GET /api/companies``              companies with yearly finances, as they are loaded
``GET /prices/<symbol>.csv``        daily prices of an invented listing; see ``prices``
``POST /hooks/<token>``             a webhook as Slack has them: keeps ``{"text"}``
``GET``, ``DELETE /hooks``          the last 1000 texts, newest last; forget them
``GET /mail``, ``DELETE /mail``     the last 100 messages, newest last; forget them
=================================== ============================================================

The controls and the mail ask for no password: it must never be reachable from outside the stack.
"""
