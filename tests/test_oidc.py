"""Sign-ins of a real issuer: its own HTTP server on loopback, its keys, and tokens that it would not have given."""

import base64
import hmac
import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tests.conftest import client_of
from timeline.access import oidc
from timeline.access.identity import FOREIGN
from timeline.app import Application
from timeline.errors import WrongSetting
from timeline.settings import Settings

ALL = "/v1/timelines/all"
AUDIENCE = "https://timeline.example"


class RealIssuer:
    """An issuer: what it says of itself, its keys, and tokens signed with them."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.asked: list[str] = []
        self.is_up = True
        issuer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                body = issuer.said(self.path) if issuer.is_up else None
                self.send_response(503 if body is None else 200)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}/realm"
        self.calls_itself = self.url
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.add("one", RSAKey.generate_key(2048))

    def said(self, path: str) -> dict[str, Any] | None:
        """What it answers at an address."""
        if path == "/realm/.well-known/openid-configuration":
            return {"issuer": self.calls_itself, "jwks_uri": f"{self.url}/keys"}
        if path == "/realm/keys":
            return {"keys": [{**key.as_dict(private=False), "kid": kid} for kid, key in self.keys.items()]}
        return None

    def add(self, kid: str, key: Any) -> None:
        """Sign with one more key from now on."""
        self.keys[kid] = key

    def token(self, kid: str = "one", alg: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token as this issuer gives them, but for what the test changes; None leaves a claim out."""
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ana", "exp": int(time.time()) + 600}
        said |= {"scope": "openid timeline:append", "timeline_audience": "green"} | claims
        header = {"alg": alg, "kid": kid}
        body = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, body, key or self.keys[kid], algorithms=[alg])

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer() -> Iterator[RealIssuer]:
    made = RealIssuer()
    yield made
    made.stop()


@asynccontextmanager
async def serving(db: str, folder: Path, issuer: RealIssuer) -> AsyncIterator[Application]:
    settings = Settings(data_dir=str(folder), oidc_issuer=issuer.url, oidc_audience=AUDIENCE)
    made = Application(settings, db)
    async with made.running():
        yield made


@pytest.fixture
async def signed_in(db: str, tmp_path: Path, issuer: RealIssuer) -> AsyncIterator[Application]:
    async with serving(db, tmp_path, issuer) as made:
        yield made


async def ask(application: Application, token: str, method: str = "GET", path: str = ALL) -> httpx.Response:
    async with client_of(application, {"Authorization": f"Bearer {token}"}) as client:
        return await client.request(method, path, json={} if method == "POST" else None)


async def test_a_signed_in_reader_is_let_in_by_scope_and_level(signed_in: Application, issuer: RealIssuer) -> None:
    token = issuer.token()

    answers = [await ask(signed_in, token), await ask(signed_in, token, "POST", "/v1/topics")]

    assert [each.status_code for each in answers] == [200, 403]
    assert signed_in.service is not None
    who = signed_in.service.access.identify(f"Bearer {token}")
    assert (who.level, who.scope, who.token) == (1, "append", FOREIGN + who.subject)
    assert "ana" not in who.subject
    assert signed_in.service.access.still_valid(who)
    assert len(issuer.asked) == 2


async def test_the_same_person_is_the_same_pseudonym_and_another_issuers_is_not(
    signed_in: Application, issuer: RealIssuer
) -> None:
    assert signed_in._issuer is not None
    one, again = [await signed_in._issuer.identity(issuer.token(jti=each)) for each in ("a", "b")]
    other = await signed_in._issuer.identity(issuer.token(sub="ben"))

    assert one.subject == again.subject != other.subject


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1/realm"},
        {"iss": None},
        {"aud": "https://another.example"},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + 3_600},
        {"sub": None},
        {"scope": "openid admin read"},
        {"scope": None},
        {"scope": {"timeline:read": True}},
        {"timeline_audience": "red"},
        {"timeline_audience": 3},
    ],
)
async def test_what_the_issuer_said_for_others_is_refused(
    signed_in: Application, issuer: RealIssuer, claims: dict[str, Any]
) -> None:
    answer = await ask(signed_in, issuer.token(**claims))

    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/wrong-token")


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


async def test_no_other_signature_is_taken(signed_in: Application, issuer: RealIssuer) -> None:
    good = issuer.token()
    head, body, signature = good.split(".")
    public = issuer.keys["one"].as_pem(private=False)
    unsigned, shared = _base64(b'{"alg":"none","kid":"one"}'), _base64(b'{"alg":"HS256","kid":"one"}')
    other = _base64(b'{"sub":"root"}')
    wrong = [
        f"{unsigned}.{body}.",
        f"{unsigned}.{body}.{signature}",
        f"{head}.{other}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        f"{shared}.{body}.{_base64(hmac.digest(public, f'{shared}.{body}'.encode(), 'sha256'))}",
        issuer.token(key=RSAKey.generate_key(2048)),
        issuer.token(alg="ES256", key=ECKey.generate_key("P-256")),
        "..",
        "a.b.c",
        f"{good}.x",
        "." + good,
    ]

    assert (await ask(signed_in, good)).status_code == 200
    assert [(await ask(signed_in, each)).status_code for each in wrong] == [401] * len(wrong)


async def test_a_list_of_roles_and_several_audiences_are_read_and_the_highest_counts(
    signed_in: Application, issuer: RealIssuer
) -> None:
    token = issuer.token(scope=["timeline:read", "timeline:curate", "x"], aud=["x", AUDIENCE], timeline_audience=None)

    assert (await ask(signed_in, token, "POST", "/v1/topics")).status_code == 422
    assert signed_in.service is not None
    assert signed_in.service.access.identify(f"Bearer {token}").level == 0


async def test_an_admin_who_may_not_read_everything_issues_no_tokens(
    signed_in: Application, issuer: RealIssuer
) -> None:
    low, full = (issuer.token(scope="timeline:admin", timeline_audience=each) for each in ("green", "amber+strict"))

    assert [(await ask(signed_in, each, path="/v1/tokens")).status_code for each in (low, full)] == [403, 200]


async def test_keys_are_fetched_again_for_one_that_is_new_but_not_for_each(
    signed_in: Application, issuer: RealIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(signed_in, issuer.token())).status_code == 200
    fetched = len(issuer.asked)
    issuer.add("two", ECKey.generate_key("P-256"))
    new = issuer.token("two", "ES256")

    for _ in range(3):  # too soon: whoever makes up names of keys must not make us ask
        assert (await ask(signed_in, new)).status_code == 401
    assert len(issuer.asked) == fetched
    monkeypatch.setattr(oidc, "REFETCH_SECONDS_MIN", 0.0)
    assert (await ask(signed_in, new)).status_code == 200
    assert len(issuer.asked) == fetched + 2


async def test_a_key_that_the_issuer_withdrew_signs_nothing_any_more(
    signed_in: Application, issuer: RealIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token()
    assert (await ask(signed_in, token)).status_code == 200
    issuer.add("two", RSAKey.generate_key(2048))
    del issuer.keys["one"]

    monkeypatch.setattr(oidc, "KEYS_SECONDS_MAX", 0.0)

    assert (await ask(signed_in, token)).status_code == 401


async def test_a_signed_in_reader_ends_with_their_token(
    signed_in: Application, issuer: RealIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token()
    assert (await ask(signed_in, token)).status_code == 200
    assert signed_in.service is not None
    access = signed_in.service.access
    who = access.identify(f"Bearer {token}")

    later = time.time() + 700
    monkeypatch.setattr(access, "_now", lambda: later)
    assert signed_in._issuer is not None
    monkeypatch.setattr(signed_in._issuer, "_now", lambda: later)

    assert not access.still_valid(who)
    assert (await ask(signed_in, token)).status_code == 401


async def test_an_issuer_that_is_away_lets_nobody_new_in_and_says_so(
    signed_in: Application, issuer: RealIssuer
) -> None:
    issuer.is_up = False
    away = await ask(signed_in, issuer.token())
    owner = await ask(signed_in, signed_in.token)
    issuer.is_up = True

    assert (away.status_code, owner.status_code) == (503, 200)
    assert away.headers["retry-after"]
    assert (await ask(signed_in, issuer.token())).status_code == 200


async def test_an_issuer_that_calls_itself_otherwise_is_not_believed(
    signed_in: Application, issuer: RealIssuer
) -> None:
    issuer.calls_itself = "http://127.0.0.1:1/other"

    assert (await ask(signed_in, issuer.token())).status_code == 503


@pytest.mark.parametrize("url", ["http://issuer.example", "ftp://127.0.0.1", "issuer"])
def test_an_issuer_that_anybody_could_pretend_to_be_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(WrongSetting, match="https"):
        Application(Settings(data_dir=str(tmp_path), oidc_issuer=url, oidc_audience=AUDIENCE), "")


def test_an_issuer_without_an_audience_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting, match="TIMELINE_OIDC_AUDIENCE"):
        Application(Settings(data_dir=str(tmp_path), oidc_issuer="https://x"), "")


def test_without_the_extra_the_setting_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc", None)

    with pytest.raises(WrongSetting, match=r"timeline\[oidc\]"):
        Application(Settings(data_dir=str(tmp_path), oidc_issuer="https://x", oidc_audience="y"), "")
