"""A token stands in no logged line, no metric, no answer, nowhere in the database: every output is looked through."""

import re
from pathlib import Path

import asyncpg
import httpx

from tests.contract.holding import HELD
from tests.services import Service
from timeline.access.text import read_token


def secrets_of(text: str) -> list[str]:
    """What may not be seen of a token: all of it, and its secret by itself."""
    found = re.fullmatch(r"tl_[0-9a-f]{32}_([a-z2-7]{52})_[a-z2-7]{7}", text)
    return [text, found[1]] if found else [text, text.removeprefix("tl_")]


async def test_no_output_holds_a_token(db: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(db)
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
    await connection.execute(f"ALTER DATABASE {database} SET log_min_duration_statement = 0")
    env = {"TIMELINE_DATABASE_URL": db, "TIMELINE_LOG_FORMAT": "json", "TIMELINE_LOG_LEVEL": "debug"}
    try:
        service = Service(tmp_path / "data", env=env)
        try:
            texts, answers = _use(service)
        finally:
            service.stop()
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        held = [str(row) for t in tables for row in await connection.fetch(f"SELECT t::text FROM {t['name']} AS t")]
        postgres = await _log_of_postgres(connection)
    finally:
        await connection.execute(f"ALTER DATABASE {database} RESET ALL")
        await connection.close()

    assert not postgres or "record_tokens" in postgres
    logged = service.stderr.read_text(encoding="utf-8")
    outputs = {"answers": "\n".join(answers), "log": logged, "stdout": "\n".join(service.printed)}
    outputs |= {"database": "\n".join(held), "postgres": postgres}
    assert read_token(texts[1]) is not None
    assert logged.count('"event":"request"') + logged.count('"event": "request"') > 10
    assert read_token(texts[1])[0] in logged  # type: ignore[index]  # the public id is there
    seen = [
        (name, secret)
        for name, output in outputs.items()
        for text in texts
        for secret in secrets_of(text)
        if secret in output
    ]
    assert [name for name, _ in seen] == []


def _use(service: Service) -> tuple[list[str], list[str]]:
    """Use tokens in every way, right and wrong; the tokens, and every answer but those that issue them."""
    owner = service.token_path.read_text().strip()
    with service.client() as api:
        assert api.post("/v1/events/batch", json=HELD).status_code == 201
        made = api.post("/v1/tokens", json={"name": "x", "scope": "curate", "audience": "amber"}).json()
        rotated = api.post(f"/v1/tokens/{made['token']['id']}/rotate").json()
        ended = api.post("/v1/tokens", json={"name": "y", "scope": "read", "audience": "amber"}).json()
        api.post(f"/v1/tokens/{ended['token']['id']}/revoke")
        told = [api.get(path) for path in ("/v1/tokens", "/v1/changes", "/metrics", "/health/ready")]
    texts = [owner, made["text"], rotated["text"], ended["text"]]
    for text in texts:
        headers = {"Authorization": f"Bearer {text}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=30) as client:
            told += [client.get("/v1/timelines/all"), client.get("/v1/timelines/all", params={"token": text})]
            told += [client.get(f"/v1/tokens/{text}"), client.get(f"/v1/events/{text}"), client.get("/v1/nowhere")]
            told += [client.post("/v1/tokens", json={"name": 5}), client.post("/v1/events", content=b"{")]
            told += [client.get("/v1/timelines/all", headers={"Authorization": f"Basic {text}"})]
            told += [client.get("/v1/timelines/all", headers={"Authorization": f"Bearer {text}x"})]
    with service.client() as api:
        told.append(api.get("/metrics"))
    return texts, [each.text for each in told]


async def _log_of_postgres(connection: asyncpg.Connection) -> str:
    """The server's log, where this server writes one that we may read."""
    name = await connection.fetchval("SELECT pg_current_logfile()")
    folder = Path(await connection.fetchval("SELECT current_setting('data_directory')"))
    logs = [folder / name] if name else [*folder.parent.glob("log*")]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in logs if path.is_file())
