"""Middleware of every route: limits, access, security headers, metrics, and unexpected errors."""

import time
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.settings.processes import GatewaySettings
from web.server.access import Access
from web.server.ids import SLASH
from web.server.metrics import OTHER, GatewayMetrics
from web.server.problems import RETRY_S, Problem, answer, failure, log_failure
from web.server.rate_limit import RateLimit

ENCODED_SLASH = "%00"
HEALTH = frozenset({"/healthz", "/readyz"})
CONTENT = (
    b"default-src 'none'",
    b"script-src 'self'",
    b"style-src 'self'",
    b"connect-src 'self'",
    b"img-src 'self' data:",
    b"form-action 'self'",
    b"base-uri 'none'",
    b"frame-ancestors 'none'",
    b"require-trusted-types-for 'script'",
)
SAFETY = [
    (b"content-security-policy", b"; ".join(CONTENT)),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Guard:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, gateway: GatewaySettings, access: Access, metrics: GatewayMetrics) -> None:
        """Guard `app`."""
        self._app, self._access, self._metrics = app, access, metrics
        self._rates = RateLimit(gateway.requests_per_s)
        self._busy_max, self._n_busy = gateway.connections_max, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, method = time.perf_counter(), scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # the server's own scope goes on to say HEAD
        incoming = _Incoming(scope, receive)
        outgoing = _Outgoing(send, incoming, has_body=method != "HEAD")
        self._n_busy += 1
        try:
            self._admit(scope)
            await self._app(scope, incoming, outgoing)
        except Problem as problem:
            await _answer(problem, scope)(scope, incoming, outgoing)
        except Exception as error:  # noqa: BLE001  any error is logged and answered 500
            log_failure(error)
            if not outgoing.status:
                await failure()(scope, incoming, outgoing)
        finally:
            self._n_busy -= 1
            route = getattr(scope.get("route"), "path", OTHER)
            self._metrics.count_request(
                route, method if route != OTHER else OTHER, outgoing.status, time.perf_counter() - began
            )

    def _admit(self, scope: Scope) -> None:
        """Check limits and access of a request; health checks are answered regardless of the limits.

        Raises:
            Problem: It is rejected.
        """
        scope["path"] = path_of(scope)
        if scope["path"] not in HEALTH:
            self._check_limits(scope.get("client"))
        self._access.check(scope["method"], scope["path"], Headers(scope=scope))

    def _check_limits(self, client: tuple[str, int] | None) -> None:
        """Check the limits of concurrent requests and of requests a second.

        Raises:
            Problem: A limit is reached.
        """
        if self._n_busy > self._busy_max:
            raise Problem(503, f"{self._busy_max:,} requests are in progress: the limit is reached.", retry_s=RETRY_S)
        wait_s = self._rates.wait_s(client[0] if client else "", time.monotonic())
        if wait_s:
            self._metrics.count_limited()
            raise Problem(429, "This client sends more requests than PLAYFOLD_GATEWAY_REQUESTS_PER_S.", retry_s=wait_s)


def _answer(problem: Problem, scope: Scope) -> Response:
    """Return a problem as a response; opening the page without the token redirects to the login form."""
    if problem.status == HTTPStatus.UNAUTHORIZED and (scope["method"], scope["path"]) == ("GET", "/"):
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    return answer(problem)


class _Incoming:
    """Receives a request and records whether its body is complete."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self.is_answered = False
        self.is_whole = not any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in scope["headers"]
        )

    async def __call__(self) -> Message:
        if self.is_answered:
            return {"type": "http.disconnect"}  # a stream of events ends
        message = await self._receive()
        if not message.get("more_body", False):
            self.is_whole = True
        return message


class _Outgoing:
    """Sends an answer with the security headers, without its body to a request that is HEAD."""

    def __init__(self, send: Send, incoming: _Incoming, *, has_body: bool = True) -> None:
        self._send, self._incoming, self._has_body = send, incoming, has_body
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # The rest of a body that was answered already is not read, so the connection is closed.
            last = [] if self._incoming.is_whole else [(b"connection", b"close")]
            message = {**message, "headers": [*message.get("headers", ()), *SAFETY, *last]}
        elif not self._has_body:
            if self._incoming.is_answered:
                return
            self._incoming.is_answered = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)


def path_of(scope: Scope) -> str:
    """Return the decoded path of a request, without a slash at its end; an encoded slash does not separate segments.

    Raises:
        Problem: It has a zero byte, or is not UTF-8.
    """
    path: str = scope["path"]
    raw: Any = scope.get("raw_path") or b""
    if "%" not in (encoded := raw.decode("ascii", "replace")):
        return _without_last_slash(path)
    if SLASH in path:
        raise Problem(422, "A path cannot have a zero byte.")
    try:
        decoded = unquote(encoded.replace("%2F", ENCODED_SLASH).replace("%2f", ENCODED_SLASH), errors="strict")
        return _without_last_slash(decoded)
    except UnicodeDecodeError:
        raise Problem(422, "A path has to be UTF-8, percent-encoded.") from None


def _without_last_slash(path: str) -> str:
    return path[:-1] if len(path) > 1 and path.endswith("/") else path
