"""Every setting can be made from the environment, and says what it expects."""

import msgspec
import pytest

from timeline.errors import WrongSetting
from timeline.settings import PREFIX, Settings, from_environment

OTHERS = {
    "host": ("::1", "::1"),
    "port": ("9000", 9000),
    "insecure": ("true", True),
    "trusted_proxies": ("10.0.0.1, 10.1.0.0/16", "10.0.0.1, 10.1.0.0/16"),
    "tls_cert": ("cert.pem", "cert.pem"),
    "tls_key": ("key.pem", "key.pem"),
    "cors_origins": ("https://a.example,https://b.example:8443", "https://a.example,https://b.example:8443"),
    "data_dir": ("/srv/timeline", "/srv/timeline"),
    "database_url": ("postgresql://x/y", "postgresql://x/y"),
    "url": ("https://timeline.example/desk", "https://timeline.example/desk"),
    "token_file": ("report.token", "report.token"),
    "sample": ("true", True),
    "public_audience": ("clear", "clear"),
    "public_url": ("https://example.org/timeline", "https://example.org/timeline"),
    "log_format": ("json", "json"),
    "log_level": ("debug", "debug"),
    "body_bytes_max": ("2048", 2048),
    "batch_bytes_max": ("4096", 4096),
    "bodies_bytes_max": ("1024", 1_024),
    "batch_lines_max": ("7", 7),
    "oidc_issuer": ("https://x", "https://x"),
    "oidc_audience": ("y", "y"),
    "oidc_scope_claim": ("roles", "roles"),
    "oidc_level_claim": ("tlp", "tlp"),
    "requests_per_second": ("0", 0.0),
    "requests_burst": ("9", 9),
    "queue_records_max": ("8", 8),
    "page_entries_max": ("10", 10),
    "export_entries_max": ("9", 9),
    "connections_max": ("3", 3),
    "streams_max": ("100", 100),
    "streams_per_token_max": ("3", 3),
    "stream_beat_seconds": ("1.5", 1.5),
    "statement_seconds_max": ("1.5", 1.5),
    "lock_seconds_max": ("0.5", 0.5),
    "clients_max": ("9", 9),
    "head_bytes_max": ("9000", 9000),
    "request_grace_seconds": ("3", 3.0),
    "unread_seconds_max": ("4", 4.0),
    "idle_seconds_max": ("6", 6),
    "visible_wait_seconds": ("0.5", 0.5),
    "drain_seconds": ("0", 0.0),
}
WRONG = {
    "trusted_proxies": "*",
    "cors_origins": "*",
    "head_bytes_max": "100",
    "statement_seconds_max": "0",
    "port": "65536",
    "url": "timeline.example",
    "sample": "perhaps",
    "public_audience": "green",
    "public_url": "example.org",
    "log_format": "xml",
    "log_level": "loud",
    "body_bytes_max": "many",
    "connections_max": "1",
    "visible_wait_seconds": "nan",
    "drain_seconds": "-1",
}


def of(**variables: str) -> dict[str, str]:
    return {PREFIX + name.upper(): text for name, text in variables.items()}


def told(given: dict[str, object], environment: dict[str, str]) -> str:
    with pytest.raises(WrongSetting) as caught:
        from_environment(given, environment)
    return caught.value.detail


def test_the_environment_may_say_nothing() -> None:
    assert from_environment({}, {"PATH": "/bin"}) == Settings()


def test_every_setting_can_come_from_the_environment() -> None:
    found = from_environment({}, of(**{name: text for name, (text, _) in OTHERS.items()}))

    assert msgspec.structs.asdict(found) == {name: value for name, (_, value) in OTHERS.items()}
    assert all(getattr(found, name) != getattr(Settings(), name) for name in OTHERS)


def test_the_command_line_wins_also_where_it_says_no() -> None:
    found = from_environment({"port": 1, "sample": False, "host": None}, of(port="2", sample="1", host="::1"))

    assert (found.port, found.sample, found.host) == (1, False, "::1")


def test_an_empty_variable_is_not_set() -> None:
    assert from_environment({}, of(database_url="", port="")) == Settings()


@pytest.mark.parametrize(("name", "text"), WRONG.items())
def test_a_wrong_value_names_the_variable_what_was_expected_and_found(name: str, text: str) -> None:
    words = told({}, of(**{name: text}))

    assert words.startswith(f"TIMELINE_{name.upper()}: expected ")
    assert words.endswith(f", found {text!r}.")


def test_all_faults_are_told_at_once() -> None:
    words = told({}, of(port="x", log_level="x", prot="1", colour="red"))

    assert len(words.splitlines()) == 4


def test_an_unknown_variable_is_told_with_the_nearest_or_all() -> None:
    assert told({}, of(prot="1")) == "TIMELINE_PROT is not a setting. Did you mean TIMELINE_PORT?"
    assert all(PREFIX + name.upper() in told({}, of(colour="red")) for name in OTHERS)


def test_the_variables_of_the_tests_are_nobodys_settings() -> None:
    assert from_environment({}, of(test_home="/tmp/x", test_run_pid="1")) == Settings()


def test_an_empty_option_does_not_open_every_address() -> None:
    assert told({"host": ""}, {}) == "TIMELINE_HOST: expected a text that is not empty, found ''."


def test_the_sample_opens_what_is_clear() -> None:
    assert Settings().audience is None
    assert Settings(sample=True).audience == "clear"
    assert Settings(public_audience="clear").audience == "clear"


def test_the_data_directory_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/analyst")

    assert str(Settings(data_dir="~/store").data_path) == "/home/analyst/store"
    assert Settings().data_path.is_absolute()
