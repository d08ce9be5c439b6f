"""Nothing is open that nobody opened: the address, the secrets, the proxies that are believed, TLS."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.oracles.homes import home_for_services
from tests.services import Service, run
from timeline.access.files import owner_token, pepper
from timeline.cli.serve import refuse_in_the_clear
from timeline.errors import WrongSetting
from timeline.settings import Settings

READ = "/v1/timelines/all"


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Where a service may keep its data."""
    with home_for_services() as home:
        yield home / "store"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made = (folder / "cert.pem", folder / "key.pem")
    words = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    files = ["-out", str(made[0]), "-keyout", str(made[1])]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    made[1].chmod(0o600)
    return made


# The address


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_what_this_machine_alone_reaches_needs_no_tls(host: str) -> None:
    refuse_in_the_clear(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "::ffff:10.0.0.1", "0", "fe80::1%lo"])
def test_what_others_reach_is_refused_without_tls(host: str) -> None:
    with pytest.raises(WrongSetting, match="every token passes in the clear"):
        refuse_in_the_clear(Settings(host=host))


@pytest.mark.parametrize(
    "said", [{"insecure": True}, {"trusted_proxies": "10.0.0.1"}, {"tls_cert": "a.pem", "tls_key": "b.pem"}]
)
def test_who_says_why_may_listen_there(said: dict[str, object]) -> None:
    refuse_in_the_clear(Settings(host="0.0.0.0", **said))  # type: ignore[arg-type]  # (fields of three types)


def test_serve_refuses_an_open_address_with_code_2_and_starts_nothing(data_dir: Path) -> None:
    done = run("serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(data_dir))

    assert (done.returncode, done.stdout) == (2, "")
    assert all(way in done.stderr for way in ("--tls-cert", "TIMELINE_TRUSTED_PROXIES", "--insecure"))
    assert not data_dir.exists()


# Secrets


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
@pytest.mark.parametrize("secret", [owner_token, pepper])
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, secret: object, mode: int) -> None:
    path = tmp_path / "secret"
    assert callable(secret)
    first = secret(path)
    path.chmod(mode)

    with pytest.raises(WrongSetting, match=f"mode is {mode:04o}, expected 0600"):
        secret(path)
    path.chmod(0o600)
    assert secret(path) == first


def test_a_private_key_that_others_may_read_is_refused(
    certificate: tuple[Path, Path], data_dir: Path, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_text(certificate[1].read_text())
    key.chmod(0o644)
    options = ["--port", "0", "--data-dir", str(data_dir), "--tls-cert", str(certificate[0])]

    told = [run("serve", *options, *more) for more in (["--tls-key", str(key)], [], ["--tls-key", "none.pem"])]

    assert [done.returncode for done in told] == [2, 2, 2]
    assert "expected 0600" in told[0].stderr
    assert "expected both or neither" in told[1].stderr
    assert "Can't use" in told[2].stderr


# TLS, of our own or in front


def test_with_a_certificate_everything_comes_by_tls(certificate: tuple[Path, Path], data_dir: Path) -> None:
    service = Service(data_dir, "--sample", "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))
    try:
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        with httpx.Client(base_url=service.url, verify=trusting) as client:
            read, head = client.get(READ), client.get("/health/live", headers={"X-A": "a" * 70_000})
        with pytest.raises(httpx.HTTPError):
            httpx.get(service.url.replace("https", "http") + READ)
    finally:
        service.stop()

    assert service.url.startswith("https://127.0.0.1:")
    assert (read.status_code, head.status_code) == (200, 431)
    assert read.headers["strict-transport-security"] == "max-age=31536000"
    assert "Traceback" not in service.stderr.read_text()


@pytest.mark.parametrize(("proxies", "statuses"), [(None, {200, 429}), ("127.0.0.1", {200}), ("10.9.9.9", {200, 429})])
def test_only_a_trusted_proxy_says_where_somebody_comes_from(
    data_dir: Path, proxies: str | None, statuses: set[int]
) -> None:
    """Or else whoever asks too often would name another address each time."""
    env = {"TIMELINE_REQUESTS_BURST": "3", "TIMELINE_REQUESTS_PER_SECOND": "0.001"}
    service = Service(data_dir, "--sample", env=env | ({"TIMELINE_TRUSTED_PROXIES": proxies} if proxies else {}))
    try:
        with service.client(token=False) as client:
            answers = [client.get(READ, headers={"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(6)]
    finally:
        service.stop()

    assert {answer.status_code for answer in answers} == statuses
    assert all(("strict-transport-security" in answer.headers) == (proxies is not None) for answer in answers)
