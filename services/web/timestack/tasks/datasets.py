"""Files of datasets, loaded on demand. Their tables are made by ``scripts.provision.worker``."""

from sqlalchemy.orm import Session

from timestack.domains.datasets import load
from timestack.domains.jobs.kinds import DatasetLoadParams
from timestack.domains.uploads import store
from timestack.progress import Progress
from timestack.settings import Settings
from timestack.tasks.job import job


@job("datasets.load")
def fill(session: Session, progress: Progress, params: DatasetLoadParams) -> dict:
    """Load the upload, once, and delete it: it is in the table now."""
    folder = Settings.load().uploads_dir
    file = store.path(folder, params.upload)
    result = load.fill(session, params.dataset, file, progress, skip_bad_rows=params.skip_bad_rows)
    # Should this job's end be lost now, the next attempt finds it loaded and needs no file.
    store.remove(folder, params.upload, None)
    return result
