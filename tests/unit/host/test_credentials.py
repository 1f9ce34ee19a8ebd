"""Secrets are generated once, kept, and every fault in them is named by file."""

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from scripts.host import certificates, credentials
from scripts.host.credentials import OWN, RANDOM
from scripts.host.faults import Fault
from tests.unit.host.conftest import without_root


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A complete set."""
    credentials.ensure(tmp_path / "secrets")
    return tmp_path / "secrets"


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()}


def overwrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def only_fault(directory: Path, *, in_use: Collection[str] = ()) -> Fault:
    found = credentials.check(directory, in_use=in_use)
    assert len(found) == 1, found
    assert found[0].todo
    return found[0]


def test_a_first_run_makes_every_secret(tmp_path):
    assert credentials.ensure(tmp_path / "a" / "secrets") == [*RANDOM, *OWN]
    assert set(contents(tmp_path / "a" / "secrets")) == {*RANDOM, *OWN}


def test_a_complete_set_has_no_faults(made):
    assert credentials.check(made, in_use=RANDOM) == []


def test_a_second_run_changes_nothing(made):
    before = contents(made)
    assert credentials.ensure(made) == []
    assert contents(made) == before


def test_each_secret_is_different_url_safe_and_long(made):
    values = [contents(made)[name] for name in RANDOM]
    assert len(set(values)) == len(RANDOM)
    assert all(len(value.strip()) >= 43 for value in values)
    assert all(value.strip().replace("-", "").replace("_", "").isalnum() for value in values)


def test_the_folder_is_the_owners_alone_and_the_files_are_readable_under_any_umask(tmp_path):
    before = os.umask(0o077)
    try:
        credentials.ensure(tmp_path / "secrets")
    finally:
        os.umask(before)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "secrets").iterdir()}
    assert modes == dict.fromkeys(RANDOM, 0o444) | dict.fromkeys(OWN, 0o644)


def test_an_interrupted_first_run_is_no_fault_and_is_completed(made):
    kept = contents(made)
    for name in ("redis_password", "secret_key"):
        (made / name).unlink()
    (made / ".secret_key.new").write_text("half")
    assert credentials.check(made, in_use=()) == []
    assert credentials.ensure(made) == ["redis_password", "secret_key"]
    assert set(contents(made)) == {*RANDOM, *OWN}
    assert contents(made)["admin_password"] == kept["admin_password"]


@pytest.mark.parametrize("name", RANDOM)
def test_a_missing_secret_that_the_database_knows_is_refused(made, name):
    (made / name).unlink()
    fault = only_fault(made, in_use=RANDOM)
    assert fault.where.endswith(f"secrets/{name}")
    assert "missing" in fault.what
    assert "restore the file from a copy" in fault.todo
    assert "make secrets" in fault.todo


def test_a_secret_that_is_new_in_this_version_is_made(made):
    (made / "backup_key").unlink()
    assert credentials.check(made, in_use=set(RANDOM) - {"backup_key"}) == []
    assert credentials.ensure(made) == ["backup_key"]


def test_a_missing_folder_is_refused_once_when_the_database_is_there(tmp_path):
    fault = only_fault(tmp_path / "secrets", in_use=RANDOM)
    assert "the folder of secrets is missing" in fault.what


def test_a_missing_folder_is_no_fault_before_the_first_run(tmp_path):
    assert credentials.check(tmp_path / "secrets", in_use=()) == []


@pytest.mark.parametrize("content", [b"", b"\n"], ids=["no bytes", "a line end"])
def test_an_empty_secret_is_refused(made, content):
    overwrite(made / "redis_password", content)
    fault = only_fault(made)
    assert fault.where.endswith("secrets/redis_password")
    assert fault.what == "the file is empty"


@pytest.mark.parametrize("name", RANDOM)
def test_a_directory_in_place_of_a_secret_is_refused(made, name):
    (made / name).unlink()
    (made / name).mkdir()
    fault = only_fault(made)
    assert fault.where.endswith(f"secrets/{name}")
    assert fault.what == "a directory, not a file"
    assert "rmdir" in fault.todo


@pytest.mark.parametrize(
    "content", [b"two words\n", b" first\n", b"one\ntwo\n", b"windows\r\n", b"caf\xe9\n"]
)
def test_a_secret_with_anything_beside_it_is_refused(made, content):
    overwrite(made / "db_app_password", content)
    assert "has blanks" in only_fault(made).what


def test_the_secret_itself_is_never_in_a_message(made):
    overwrite(made / "db_app_password", b"hunter2 hunter2\n")
    assert "hunter2" not in str(only_fault(made))


def test_a_session_key_that_is_too_short_is_refused(made):
    overwrite(made / "secret_key", b"short\n")
    assert "fewer than the 32" in only_fault(made).what


def test_a_password_of_ones_own_is_kept(made):
    overwrite(made / "admin_password", b"correct-horse")
    assert credentials.check(made, in_use=RANDOM) == []
    credentials.ensure(made)
    assert (made / "admin_password").read_text() == "correct-horse"


def test_secrets_that_cannot_be_read_are_refused(made):
    made.chmod(0)
    with without_root():
        found = credentials.check(made, in_use=())
    made.chmod(0o700)
    assert {fault.what for fault in found} == {"cannot be read: Permission denied"}


def test_a_folder_open_to_other_users_is_refused(made):
    made.chmod(0o755)
    fault = only_fault(made)
    assert "mode 0755" in fault.what
    assert "chmod 700" in fault.todo


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secrets").write_text("")
    assert "a file, where the folder" in only_fault(tmp_path / "secrets").what


def test_all_faults_are_told_at_once(made):
    for name in RANDOM[:3]:
        overwrite(made / name, b"")
    assert len(credentials.check(made, in_use=RANDOM)) == 3


def test_a_folder_of_somebody_else_is_one_fault_and_no_traceback(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    credentials.ensure(directory)
    certificates.ensure(directory, domain="localhost")
    tmp_path.chmod(0o755)
    with without_root():
        faults = credentials.check(directory, in_use=RANDOM) + certificates.check(directory)
    assert len(faults) == 1
    assert "Permission denied" in faults[0].what


def test_a_webhook_that_nobody_wrote_is_no_fault_even_in_a_stack_made_before_there_was_one(made):
    assert contents(made)["notify_webhook"] == ""
    (made / "notify_webhook").unlink()
    assert credentials.check(made, in_use=RANDOM) == []
    assert credentials.ensure(made) == ["notify_webhook"]


@pytest.mark.parametrize(
    "text", ["https://hooks.example.org/services/T0/B0/x\n", "http://chat:8065/hooks/abc?d=1"]
)
def test_a_webhook_of_ones_own_is_kept(made, text):
    overwrite(made / "notify_webhook", text.encode())
    assert credentials.check(made, in_use=RANDOM) == []
    credentials.ensure(made)
    assert contents(made)["notify_webhook"] == text


@pytest.mark.parametrize(
    "text",
    [
        b"hunter2",
        b"https://hunter2",
        b"ftp://a/hunter2",
        b"https://a/b\nhttps://a/hunter2",
        b"\xff/hunter2",
    ],
)
def test_what_is_not_the_address_of_a_webhook_is_refused_and_not_repeated(made, text):
    overwrite(made / "notify_webhook", text)
    fault = only_fault(made)
    assert fault.where.endswith("secrets/notify_webhook")
    assert "address of a webhook" in fault.what
    assert "hunter2" not in str(fault)
