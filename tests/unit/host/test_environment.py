"""`.env` is written once and every fault in it is named by line and key."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.host import environment
from scripts.host.faults import Fault, Refused
from tests.unit.host.conftest import without_root
from timestack.shared.allowed import BY_NAME, SETTINGS, size

ROOT = Path(__file__).resolve().parents[3]


def written(directory: Path, content: str | bytes) -> Path:
    path = directory / ".env"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def faults(path: Path) -> list[Fault]:
    with pytest.raises(Refused) as refused:
        environment.read(path)
    return refused.value.faults


def only_fault(directory: Path, content: str | bytes) -> Fault:
    found = faults(written(directory, content))
    assert len(found) == 1, found
    assert found[0].todo
    return found[0]


def examples() -> list[tuple[str, str, str]]:
    """Key, default and the paragraph above it of each setting in `.env.example`."""
    found = []
    for paragraph in (ROOT / ".env.example").read_text().split("\n\n"):
        lines = paragraph.strip().splitlines()
        settings = [line for line in lines if not line.startswith("#")]
        reason = " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))
        found += [(*line.split("=", 1), reason) for line in settings]
    return found


def test_the_example_lists_exactly_the_known_keys_with_their_defaults():
    assert [key for key, _, _ in examples()] == list(BY_NAME)
    assert {key: default for key, default, _ in examples()} == environment.defaults()


@pytest.mark.parametrize(("key", "_default", "reason"), examples(), ids=lambda text: text[:20])
def test_each_key_of_the_example_has_a_paragraph_that_says_why(key, _default, reason):
    assert len(reason) > 40, key


def test_the_example_is_free_of_faults():
    assert environment.read(ROOT / ".env.example") == dict(environment.defaults())


def test_an_absent_file_is_written_from_the_example(tmp_path):
    shutil.copy(ROOT / ".env.example", tmp_path)
    assert environment.ensure(tmp_path) is True
    assert (tmp_path / ".env").read_bytes() == (ROOT / ".env.example").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {".env", ".env.example"}


def test_a_file_that_is_there_is_kept(tmp_path):
    shutil.copy(ROOT / ".env.example", tmp_path)
    path = written(tmp_path, "HTTP_PORT=9000\n")
    assert environment.ensure(tmp_path) is False
    assert path.read_text() == "HTTP_PORT=9000\n"


def test_what_a_killed_run_left_half_written_is_written_anew(tmp_path):
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / "..env.new").write_text("HTTP_PO")
    assert environment.ensure(tmp_path) is True
    assert environment.read(tmp_path / ".env")["HTTP_PORT"] == "8080"


def test_an_absent_example_is_refused_by_name(tmp_path):
    with pytest.raises(Refused, match=r"\.env\.example: cannot write \.env"):
        environment.ensure(tmp_path)


def test_keys_left_out_keep_their_defaults(tmp_path):
    values = environment.read(written(tmp_path, "# mine\n\nHTTPS_PORT=9443\n"))
    assert values == dict(environment.defaults()) | {"HTTPS_PORT": "9443"}


def test_an_empty_file_gives_all_defaults(tmp_path):
    assert environment.read(written(tmp_path, "")) == dict(environment.defaults())


def test_all_faults_are_told_at_once_in_the_order_of_the_lines(tmp_path):
    path = written(tmp_path, "HTTP_PORT=x\nNO_SUCH=1\n\nSEED=maybe\nSEED=no\nLOG_LEVEL\nDB_CPUS=\n")
    lines = [fault.where.rpartition(":")[2] for fault in faults(path)]
    assert lines == ["1", "2", "4", "5", "6", "7"]


def test_a_fault_is_named_as_the_person_sees_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert only_fault(tmp_path, "\n\nHTTP_PORT=x\n").where == ".env:3"


def test_an_unknown_key_is_refused_and_the_nearest_known_one_suggested(tmp_path):
    fault = only_fault(tmp_path, "HTTPS_PROT=8443\n")
    assert fault.where.endswith(".env:1")
    assert fault.what == "HTTPS_PROT: unknown key"
    assert "did you mean HTTPS_PORT?" in fault.todo


def test_an_unknown_key_near_to_none_is_refused_without_a_guess(tmp_path):
    assert only_fault(tmp_path, "XYZZY=1\n").todo.startswith("remove the line")


def test_a_key_in_small_letters_is_refused_and_the_real_one_suggested(tmp_path):
    assert "did you mean SEED?" in only_fault(tmp_path, "seed=no\n").todo


def test_a_duplicate_key_is_refused_with_both_lines(tmp_path):
    fault = only_fault(tmp_path, "SEED=yes\n# again\nSEED=no\n")
    assert fault.where.endswith(".env:3")
    assert fault.what == "SEED: duplicate key, set already on line 1"


def test_windows_line_ends_are_refused_once_for_the_whole_file(tmp_path):
    fault = only_fault(tmp_path, "# mine\r\nHTTP_PORT=9000\r\nSEED=no\r\n")
    assert fault.where.endswith(".env:2")
    assert fault.what == "HTTP_PORT: ends in CR LF, Windows' line end, as do 2 more lines"
    assert "sed -i" in fault.todo


def test_the_advice_against_windows_line_ends_repairs_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fault = only_fault(tmp_path, "HTTP_PORT=9000\r\nSEED=no\r\n")
    subprocess.run(["sh", "-c", fault.todo.partition(": ")[2]], check=True)
    assert environment.read(tmp_path / ".env")["HTTP_PORT"] == "9000"


def test_other_faults_are_told_beside_windows_line_ends(tmp_path):
    found = faults(written(tmp_path, "HTTP_PORT=x\r\nSEED=no\r\n"))
    assert [fault.what.partition(":")[0] for fault in found] == ["HTTP_PORT", "HTTP_PORT"]


def test_a_line_without_an_equals_sign_is_refused(tmp_path):
    fault = only_fault(tmp_path, "SEED yes\n")
    assert fault.what == "SEED yes: there is no = on the line"


@pytest.mark.parametrize("line", ["export SEED=no", "SEED =no", " SEED=no", '"SEED"=no', "=no"])
def test_a_key_that_is_more_than_its_name_is_refused(tmp_path, line):
    assert "is not a key" in only_fault(tmp_path, line + "\n").what


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.needed], ids=lambda s: s.name)
@pytest.mark.parametrize("value", ["", "  "], ids=["empty", "blank"])
def test_a_missing_value_is_refused_where_one_is_needed(tmp_path, setting, value):
    fault = only_fault(tmp_path, f"{setting.name}={value}\n")
    assert fault.what == f"{setting.name}: the value is missing"
    assert fault.todo == "write one, or remove the line for the default"


@pytest.mark.parametrize("setting", [s for s in SETTINGS if not s.needed], ids=lambda s: s.name)
def test_a_value_may_be_empty_where_none_is_needed(tmp_path, setting):
    assert environment.read(written(tmp_path, f"{setting.name}=\n"))[setting.name] == ""


@pytest.mark.parametrize("value", ["0", "65536", "-1", "80a", "08080", "8 080", "1e3", "٨٠"])
def test_a_bad_port_is_refused(tmp_path, value):
    fault = only_fault(tmp_path, f"HTTP_PORT={value}\n")
    assert "HTTP_PORT: " in fault.what
    assert "from 1 to 65535" in fault.what


def test_the_same_port_twice_is_refused(tmp_path):
    fault = only_fault(tmp_path, "HTTP_PORT=9000\nHTTPS_PORT=9000\n")
    assert fault.where.endswith(".env:2")
    assert "the same port as HTTP_PORT" in fault.what


@pytest.mark.parametrize("other", ["HTTP_PORT", "HTTPS_PORT"])
def test_the_database_has_a_port_of_its_own_too(tmp_path, other):
    fault = only_fault(tmp_path, f"DB_PORT=9000\n{other}=9000\n")
    assert fault.where.endswith(".env:2")
    assert fault.what == f"DB_PORT: the same port as {other}, 9000"


@pytest.mark.parametrize("value", ["0", "65536", "127.0.0.1:5432", "yes"])
def test_a_bad_port_of_the_database_is_refused(tmp_path, value):
    assert "from 1 to 65535" in only_fault(tmp_path, f"DB_PORT={value}\n").what


def test_a_port_that_is_the_others_default_is_refused(tmp_path):
    assert "same port" in only_fault(tmp_path, "HTTP_PORT=8443\n").what


@pytest.mark.parametrize("key", ["WEB_WORKERS", "WEB_THREADS", "WORKER_CONCURRENCY"])
@pytest.mark.parametrize("value", ["0", "two", "1.5", "1000", "-1"])
def test_a_bad_number_is_refused(tmp_path, key, value):
    assert "is not a whole number" in only_fault(tmp_path, f"{key}={value}\n").what


@pytest.mark.parametrize(
    "value",
    ["10.0.0.5", "10.0.0.5,192.168.7.0/24", "127.0.0.1", "2001:db8::7,fd00::/8", "10.0.0.0/8"],
)
def test_proxies_to_trust_are_addresses_and_networks(tmp_path, value):
    values = environment.read(written(tmp_path, f"TRUSTED_PROXIES={value}\n"))
    assert values["TRUSTED_PROXIES"] == value


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("proxy.example.org", "is not an address or network"),
        ("10.0.0.5:443", "is not an address or network"),
        ("10.0.0.5;10.0.0.6", "is not an address or network"),
        ("10.0.0.5, 10.0.0.6", "is not an address or network"),
        ("10.0.0.5,", "nothing between two commas"),
        ("10.0.0.5/33", "is not an address or network"),
        ("10.0.0.5/24", "is an address within a network"),
        ("0.0.0.0/0", "is a large part of the internet"),
        ("::/0", "is a large part of the internet"),
    ],
)
def test_what_would_trust_nobody_or_everybody_is_refused(tmp_path, value, what):
    assert what in only_fault(tmp_path, f"TRUSTED_PROXIES={value}\n").what


def test_a_network_with_an_address_in_it_is_told_its_own_name(tmp_path):
    assert only_fault(tmp_path, "TRUSTED_PROXIES=10.0.0.5/24\n").todo == "write 10.0.0.0/24"


@pytest.mark.parametrize("value", ["0", "65536", "https"])
def test_a_public_port_that_is_none_is_refused(tmp_path, value):
    assert "from 1 to 65535" in only_fault(tmp_path, f"PUBLIC_PORT={value}\n").what


@pytest.mark.parametrize(
    ("bound", "name", "warned"),
    [
        ("127.0.0.1", "localhost", False),
        ("[::1]", "localhost", False),
        ("0.0.0.0", "localhost", True),  # noqa: S104
        ("[::]", "localhost", True),
        ("192.168.7.20", "localhost", True),
        ("0.0.0.0", "192.168.7.20", False),  # noqa: S104
        ("0.0.0.0", "data.example.org", False),  # noqa: S104
    ],
)
def test_ports_that_are_open_under_a_name_for_this_machine_alone_are_warned_of(bound, name, warned):
    warning = environment.unreachable({"BIND_ADDRESS": bound, "TIMESTACK_DOMAIN": name})
    assert ("set TIMESTACK_DOMAIN" in (warning or "")) is warned


@pytest.mark.parametrize("value", ["1", "512", "512mb", "512M", "1.5g", "0m", "-1g", "lots"])
def test_a_bad_memory_size_is_refused(tmp_path, value):
    assert "is not a size" in only_fault(tmp_path, f"DB_MEMORY={value}\n").what


@pytest.mark.parametrize("key", [s.name for s in SETTINGS if s.name.endswith("_MEMORY")])
def test_less_memory_than_the_service_works_with_is_refused(tmp_path, key):
    fault = only_fault(tmp_path, f"{key}=32m\n")
    assert "less than the service works with" in fault.what


def test_the_least_memory_that_works_is_taken(tmp_path):
    assert environment.read(written(tmp_path, "DB_MEMORY=256m\n"))["DB_MEMORY"] == "256m"


def test_a_memory_size_is_counted_in_powers_of_two():
    assert size("512m") == 512 * 2**20
    assert size("2g") == 2 * 2**30


@pytest.mark.parametrize("value", ["0", "0.05", "two", "-1", "1,5", "inf", "02"])
def test_a_bad_number_of_processors_is_refused(tmp_path, value):
    assert "is not a number of processors" in only_fault(tmp_path, f"DB_CPUS={value}\n").what


@pytest.mark.parametrize("value", ["true", "Yes", "1", "on"])
def test_anything_but_yes_and_no_is_refused(tmp_path, value):
    assert only_fault(tmp_path, f"SEED={value}\n").todo == "write one of yes, no"


@pytest.mark.parametrize("value", ["loud", "INFO", "warn"])
def test_an_unknown_log_level_is_refused(tmp_path, value):
    assert "debug, info, warning" in only_fault(tmp_path, f"LOG_LEVEL={value}\n").todo


def test_an_unknown_environment_is_refused(tmp_path):
    fault = only_fault(tmp_path, "TIMESTACK_ENV=prod\n")
    assert fault.todo == "write one of development, production, test"


@pytest.mark.parametrize(
    "value",
    [
        "https://example.org",
        "example.org/path",
        "example.org:8443",
        "*.example.org",
        "-a.example.org",
        "a-.example.org",
        "a..example.org",
        "example.org.",
        "under_score.example.org",
        "Example.org",
        "exämple.org",
        "two words",
        "::1",
        "[::1]",
        "256.1.1.1",
        "1.2.3",
        "a" * 64 + ".org",
        ".".join(["a" * 63] * 4),
    ],
)
def test_a_wrong_domain_is_refused(tmp_path, value):
    fault = only_fault(tmp_path, f"TIMESTACK_DOMAIN={value}\n")
    assert fault.where.endswith(".env:1")
    assert fault.what.startswith("TIMESTACK_DOMAIN: ")


@pytest.mark.parametrize("value", ["localhost", "data.example.org", "192.0.2.7", "xn--bcher.ch"])
def test_a_host_name_or_an_ipv4_address_is_a_domain(tmp_path, value):
    path = written(tmp_path, f"TIMESTACK_DOMAIN={value}\n")
    assert environment.read(path)["TIMESTACK_DOMAIN"] == value


@pytest.mark.parametrize("value", ["localhost", "127.0.0", "::1", "[127.0.0.1]", "[::1", "eth0"])
def test_a_bad_bind_address_is_refused(tmp_path, value):
    assert only_fault(tmp_path, f"BIND_ADDRESS={value}\n").what.startswith("BIND_ADDRESS: ")


@pytest.mark.parametrize("value", ["127.0.0.1", "192.0.2.7", "[::1]", "[::]"])
def test_an_address_that_compose_understands_is_taken(tmp_path, value):
    assert environment.read(written(tmp_path, f"BIND_ADDRESS={value}\n"))["BIND_ADDRESS"] == value


@pytest.mark.parametrize("value", ["admin", "a@b", "a b@c.org", "a:b@c.org", "a@b@c.org", "@c.org"])
def test_a_bad_email_is_refused(tmp_path, value):
    assert "is not an e-mail address" in only_fault(tmp_path, f"ADMIN_EMAIL={value}\n").what


@pytest.mark.parametrize("value", ["timestack", "/", "/a/", "/a//b", "/A", "/a b", "/a.b", "//a"])
def test_a_bad_prefix_is_refused(tmp_path, value):
    assert "is not a path to serve below" in only_fault(tmp_path, f"URL_PREFIX={value}\n").what


@pytest.mark.parametrize("value", ["/pgadmin", "/pgadmin/x"])
def test_a_prefix_that_is_pgadmins_own_is_refused(tmp_path, value):
    assert "where pgAdmin is served" in only_fault(tmp_path, f"URL_PREFIX={value}\n").what


@pytest.mark.parametrize("value", ["/timestack", "/a/b", "/my_data-2", "/x/pgadmin"])
def test_a_prefix_of_plain_segments_is_taken(tmp_path, value):
    assert environment.read(written(tmp_path, f"URL_PREFIX={value}\n"))["URL_PREFIX"] == value


@pytest.mark.parametrize("value", ["Timestack", "-x", "a.b", "a b", "x" * 64])
def test_a_bad_project_name_is_refused(tmp_path, value):
    fault = only_fault(tmp_path, f"COMPOSE_PROJECT_NAME={value}\n")
    assert "is not a project name" in fault.what


@pytest.mark.parametrize("value", ["Debian", "debian:", "debian:a b", "-x", "http://x/y", "a//b"])
def test_a_bad_image_name_is_refused(tmp_path, value):
    assert "is not an image's name" in only_fault(tmp_path, f"BASE_IMAGE={value}\n").what


@pytest.mark.parametrize(
    "value",
    [
        "debian",
        "timescale/timescaledb-ha:pg17",
        "registry.example.org:5000/a/b_c:1.2",
        "debian@sha256:" + "0" * 64,
    ],
)
def test_an_image_name_with_registry_tag_or_digest_is_taken(tmp_path, value):
    path = written(tmp_path, f"TIMESCALEDB_BASE={value}\n")
    assert environment.read(path)["TIMESCALEDB_BASE"] == value


@pytest.mark.parametrize("value", ["~/secrets", "secrets", "/", ".", "./", "./a b", "C:/x", "./x/"])
def test_a_folder_of_secrets_that_compose_could_read_differently_is_refused(tmp_path, value):
    assert "is not a folder" in only_fault(tmp_path, f"SECRETS_PATH={value}\n").what


@pytest.mark.parametrize("value", ["'no'", '"no"', "$HOME", "${X:-no}", "no # comment", "n\\o"])
def test_what_compose_reads_by_rules_of_its_own_is_refused(tmp_path, value):
    assert " in the value: " in only_fault(tmp_path, f"SEED={value}\n").what


def test_an_invisible_character_is_refused(tmp_path):
    assert "has an invisible character" in only_fault(tmp_path, "SEED=no\0\n").what


def test_a_byte_order_mark_is_refused_and_the_first_key_still_read(tmp_path):
    found = faults(written(tmp_path, b"\xef\xbb\xbfHTTP_PORT=x\n"))
    assert "byte order mark" in found[0].what
    assert found[1].what.startswith("HTTP_PORT: x is not")


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    fault = only_fault(tmp_path, b"SEED=no\n# caf\xe9\n")
    assert fault.where.endswith(".env:2")
    assert fault.what == "not UTF-8 text: byte 0xe9"


def test_a_directory_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / ".env").mkdir()
    (fault,) = faults(tmp_path / ".env")
    assert fault.what == "a directory, not a file"
    assert "rmdir" in fault.todo


def test_a_missing_file_is_refused(tmp_path):
    (fault,) = faults(tmp_path / ".env")
    assert fault.what == "the file is missing"


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    path = written(tmp_path, "SEED=no\n")
    path.chmod(0)
    with without_root():
        (fault,) = faults(path)
    assert fault.what == "cannot be read: Permission denied"


def test_a_fault_prints_where_what_and_what_to_do(tmp_path):
    with pytest.raises(Refused) as refused:
        environment.read(written(tmp_path, "XYZZY=1\n"))
    printed = str(refused.value)
    assert re.fullmatch(r"\S+\.env:1: XYZZY: unknown key\n  -> remove the line; .+", printed)


@pytest.mark.skipif(
    shutil.which("docker") is None
    or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode != 0,
    reason="needs the Compose plugin; no engine",
)
def test_compose_reads_the_same_values(tmp_path):
    path = written(
        tmp_path,
        "# a comment\nURL_PREFIX=/a/b\nHTTP_PORT=  9000  \nTRAEFIK_BASE=\n"
        "TIMESCALEDB_BASE=timescale/timescaledb-ha:pg17\nADMIN_EMAIL=a+b%c@example.org\n",
    )
    values = environment.read(path)
    keys = ("URL_PREFIX", "HTTP_PORT", "TRAEFIK_BASE", "TIMESCALEDB_BASE", "ADMIN_EMAIL")
    seen = {key: f"${{{key}-absent}}" for key in keys}
    project = tmp_path / "compose.yaml"
    project.write_text(json.dumps({"services": {"x": {"image": "y", "environment": seen}}}))
    command = ["docker", "compose", "--env-file", path, "-f", project, "config", "--format", "json"]
    clean = {name: value for name, value in os.environ.items() if name not in values}
    output = subprocess.run(command, env=clean, capture_output=True, text=True, check=True).stdout
    assert json.loads(output)["services"]["x"]["environment"] == {key: values[key] for key in keys}


def test_a_change_writes_its_keys_alone(tmp_path):
    path = written(tmp_path, "# mine\nHTTP_PORT=9080\n\nDB_VOLUME=\nSEED=no\n")
    path.chmod(0o640)
    environment.change(tmp_path, DB_VOLUME="timestack_two", LOG_LEVEL="debug")
    assert path.read_text() == (
        "# mine\nHTTP_PORT=9080\n\nDB_VOLUME=timestack_two\nSEED=no\nLOG_LEVEL=debug\n"
    )
    assert path.stat().st_mode & 0o777 == 0o640
