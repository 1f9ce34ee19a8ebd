"""The JSON interface under /api/v1; one file per resource.

Errors are raised as HTTP exceptions and answered as problem+json by ``timestack.errors``.
"""

from flask import Blueprint

from timestack.api import files, jobs, manifest

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
blueprint.register_blueprint(files.blueprint)
blueprint.register_blueprint(jobs.blueprint)
blueprint.register_blueprint(manifest.blueprint)

__all__ = ["blueprint"]
