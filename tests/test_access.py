"""One owner, known by a token that nobody else can read; and what anybody may see."""

import concurrent.futures
from pathlib import Path

import pytest

from timeline.access import SCOPES, Access, owner_token
from timeline.errors import NoToken, WrongSetting, WrongToken
from timeline.model.record import LEVEL_MAX, level_of

TOKEN = "tl_" + "t" * 43
WRONG = (
    "",
    "Bearer",
    "Bearer ",
    "Bearer x",
    TOKEN,
    f"Basic {TOKEN}",
    f"Bearer {TOKEN}x",
    f"Bearer {TOKEN} x",
    "Bearer é",
)


def test_the_owner_may_read_and_write_everything() -> None:
    who = Access(TOKEN, None).identify(f"Bearer {TOKEN}", "admin")

    assert (who.subject, who.level, who.scope) == ("owner", LEVEL_MAX, "admin")


@pytest.mark.parametrize("header", [f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer  {TOKEN} "])
def test_case_of_the_scheme_and_spaces_do_not_matter(header: str) -> None:
    assert Access(TOKEN, None).identify(header).may("admin")


@pytest.mark.parametrize("header", WRONG)
@pytest.mark.parametrize("audience", [None, "clear"])
def test_a_wrong_token_is_refused_even_where_none_is_needed(header: str, audience: str | None) -> None:
    with pytest.raises(WrongToken) as caught:
        Access(TOKEN, audience).identify(header)

    assert TOKEN not in caught.value.detail


def test_without_a_token_nothing_is_open() -> None:
    for scope in SCOPES:
        with pytest.raises(NoToken):
            Access(TOKEN, None).identify(None, scope)


def test_an_audience_opens_reads_of_its_level_and_no_writes() -> None:
    access = Access(TOKEN, "clear")

    who = access.identify(None)

    assert (who.subject, who.level, who.scope, who.is_public) == ("", level_of("clear"), "read", True)
    with pytest.raises(NoToken):
        access.identify(None, "append")


def test_the_token_is_made_once_long_and_private(tmp_path: Path) -> None:
    path = tmp_path / "store" / "owner.token"

    made = owner_token(path)

    assert made.startswith("tl_")
    assert len(made) == 46
    assert path.stat().st_mode & 0o777 == 0o600
    assert owner_token(path) == made == path.read_text().strip()
    assert [each.name for each in path.parent.iterdir()] == ["owner.token"]


def test_who_starts_at_once_gets_the_same_token(tmp_path: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = set(pool.map(owner_token, [tmp_path / "owner.token"] * 8))

    assert len(made) == 1


@pytest.mark.parametrize("content", ["", "\n", "short", "é" * 40, "tl_" + "\0" * 43])
def test_a_file_without_a_token_lets_nobody_in(tmp_path: Path, content: str) -> None:
    path = tmp_path / "owner.token"
    path.write_text(content)

    with pytest.raises(WrongSetting, match=r"owner\.token"):
        owner_token(path)


def test_a_place_that_takes_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(WrongSetting, match="Choose another --data-dir"):
        owner_token(tmp_path / "file" / "owner.token")
