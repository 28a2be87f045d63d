"""Access to the gateway."""

from pathlib import Path

import pytest

from streams.settings import Secret, Settings, override
from tests.support.settings import settings_with
from web.server.access import Access, AccessError
from web.server.problems import Problem

TOKEN = "correct-horse-battery"  # noqa: S105  nobody's
LOCAL = {"host": "localhost:8080"}


def refused(access: Access, method: str = "GET", path: str = "/v1/items", **headers: str) -> int:
    """Return the status with which a request is refused, 0 if it is not; `_` in a header's name is `-`."""
    try:
        access.check(method, path, LOCAL | {name.replace("_", "-"): value for name, value in headers.items()})
    except Problem as problem:
        return problem.status
    return 0


@pytest.fixture
def open_access() -> Access:
    """Give the access rule without a token."""
    return Access(Settings().gateway)


@pytest.fixture
def with_token() -> Access:
    """Give the access rule with a token."""
    return Access(settings_with(gateway_token=Secret(TOKEN), gateway_host="0.0.0.0").gateway)  # noqa: S104  with a token


BEYOND = ["0.0.0.0", "::", "10.1.2.3", "gateway.example", "169.254.1.1", "localhost.evil"]  # noqa: S104


@pytest.mark.parametrize("host", BEYOND)
def test_beyond_this_machine_a_token_is_demanded(host: str) -> None:
    """Before anything listens: the sentence names the address and three ways out."""
    with pytest.raises(AccessError) as caught:
        Access(settings_with(gateway_host=host).gateway)

    assert (
        f"PLAYFOLD_GATEWAY_HOST is {host}, which others than this machine can reach: set PLAYFOLD_GATEWAY_TOKEN or "
        "PLAYFOLD_GATEWAY_TOKEN_FILE, or listen on 127.0.0.1."
    ) == str(caught.value)
    assert Access(settings_with(gateway_host=host, gateway_token=Secret(TOKEN)).gateway).needs_token


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_on_this_machine_no_token_is_needed(host: str) -> None:
    """Loopback is loopback."""
    assert not Access(settings_with(gateway_host=host).gateway).needs_token


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "127.0.0.1:8080",
        "[::1]:8080",
        "gate.example",
        "gate.example:443",
        "Other.Example",
        "10.1.2.3:8080",
        "[fd00::7]",
    ],
)
def test_the_gateway_answers_under_its_names(host: str) -> None:
    """Those of this machine, those of the setting in any case, and every address: no page can feign one."""
    access = Access(settings_with(gateway_hosts="gate.example, other.EXAMPLE,").gateway)

    assert refused(access, host=host) == 0


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8080",
        "[",
        "[::1",
        "localhost@evil.example",
        "evil.example/localhost",
        "evil.example#localhost",
    ],
)
def test_under_another_name_it_does_not(open_access: Access, host: str) -> None:
    """A page of another site whose name was turned to 127.0.0.1 could read everything else."""
    assert refused(open_access, host=host) == 403
    assert refused(open_access, path="/", host=host) == 403


def test_any_name_may_be_allowed() -> None:
    """Behind a proxy that sees to it."""
    assert refused(Access(settings_with(gateway_hosts="*").gateway), host="whatever") == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 0),
        ({"origin": "http://localhost:8080"}, 0),
        ({"origin": "HTTP://LocalHost:8080"}, 0),
        ({"sec_fetch_site": "same-origin", "origin": "http://localhost:8080"}, 0),
        ({"sec_fetch_site": "none"}, 0),
        ({"origin": "http://localhost:9999"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://a\u2100b"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site", "origin": "http://localhost:8080"}, 403),
        ({"sec_fetch_site": "nonsense"}, 403),
    ],
)
def test_no_page_of_another_site_sends_anything(open_access: Access, headers: dict[str, str], status: int) -> None:
    """Neither a play nor a wish to forget; reading is harmless, for such a page cannot see the answer."""
    assert status == refused(open_access, "POST", "/v1/plays", **headers)
    assert status == refused(open_access, "DELETE", "/v1/users/ann", **headers)
    assert refused(open_access, "GET", "/v1/items", **headers) == 0


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 0),
        (f"bearer   {TOKEN} ", 0),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("", 401),
        ("Bearer \xe4\xff", 401),
    ],
)
def test_the_token_is_asked_for(with_token: Access, authorization: str, status: int) -> None:
    """In the header, after `Bearer`; nothing else will do."""
    assert status == refused(with_token, authorization=authorization)
    assert status == refused(with_token, "DELETE", "/v1/users/ann", authorization=authorization)


def test_who_is_refused_learns_how_to_ask(with_token: Access) -> None:
    """The problem names the header to send, and has the one of the standard."""
    with pytest.raises(Problem) as caught:
        with_token.check("GET", "/v1/items", LOCAL)

    assert 401 == caught.value.status
    assert "Send the token: `Authorization: Bearer ...`." == caught.value.detail
    assert {"WWW-Authenticate": "Bearer"} == caught.value.headers


@pytest.mark.parametrize(
    ("cookie", "status"),
    [
        ("playfold={}", 0),
        ("other=1; playfold={}; more=2", 0),
        ("playfold={}x", 401),
        ("playfold=", 401),
        ("playfold", 401),
        ("xplayfold={}", 401),
        (f"playfold={TOKEN}", 401),
        ("playfold=\xe4", 401),
    ],
)
def test_the_cookie_of_the_page_will_do(with_token: Access, cookie: str, status: int) -> None:
    """It proves the token and does not tell it."""
    assert status == refused(with_token, cookie=cookie.format(with_token.cookie))
    assert TOKEN not in with_token.cookie


def test_the_cookie_does_not_outlive_its_token(with_token: Access) -> None:
    """Another token is another cookie."""
    other = Access(settings_with(gateway_token=Secret(TOKEN + "2")).gateway)

    assert refused(other, cookie=f"playfold={with_token.cookie}") == 401


def test_a_wrong_token_beside_the_cookie_does_not_spoil_it(with_token: Access) -> None:
    """One of both is enough."""
    assert refused(with_token, authorization="Bearer wrong", cookie=f"playfold={with_token.cookie}") == 0
    assert refused(with_token, authorization=f"Bearer {TOKEN}", cookie="playfold=wrong") == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 0),
        ("/readyz", 0),
        ("/login", 0),
        ("/session", 0),
        ("/static/page.css", 0),
        ("/", 401),
        ("/metrics", 401),
        ("/openapi.json", 401),
        ("/live/events", 401),
        ("/healthz/", 401),
        ("//healthz", 401),
        ("/static", 401),
        ("/nowhere", 401),
    ],
)
def test_some_paths_are_open(with_token: Access, path: str, status: int) -> None:
    """Health checks and the login; other paths are hidden."""
    assert status == refused(with_token, path=path)


def test_the_token_may_stand_in_a_file(tmp_path: Path) -> None:
    """In its first line; the file counts, not the other setting."""
    file = tmp_path / "token"
    file.write_text(f"  {TOKEN}  \nsecond line\n")
    access = Access(settings_with(gateway_token_file=str(file), gateway_token=Secret("not-this-one-at-all")).gateway)

    assert refused(access, authorization=f"Bearer {TOKEN}") == 0
    assert refused(access, authorization="Bearer not-this-one-at-all") == 401


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\n" + TOKEN.encode(), b"with-\xc3\xa4-umlauts-in-it", b"a\x00" * 9]
)
def test_a_token_of_a_file_has_to_be_good(tmp_path: Path, content: bytes) -> None:
    """An empty file is no gateway without a token."""
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(AccessError) as caught:
        Access(settings_with(gateway_token_file=str(file)).gateway)

    assert f"The token in {file} has to have 16 or more printable characters of ASCII." == str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_token_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    """Not there, or no text."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(AccessError) as caught:
        Access(override(Settings(), gateway_token_file=str(file)).gateway)

    assert str(caught.value).startswith(f"PLAYFOLD_GATEWAY_TOKEN_FILE {file} cannot be read (")
    assert str(caught.value).endswith("): put the token into its first line.")
