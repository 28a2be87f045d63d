"""What stands before every path: limits, access, headers for browsers, counting, and the last answer to an error."""

import time
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.settings import Settings
from web.access import Access
from web.ids import SLASH
from web.metrics import OTHER, GatewayMetrics
from web.problems import RETRY_S, Problem, answer, failure
from web.rate import Rates

ENCODED_SLASH = "%00"
CONTENT = (
    b"default-src 'none'",
    b"script-src 'self'",
    b"style-src 'self'",
    b"connect-src 'self'",
    b"img-src 'self' data:",
    b"form-action 'self'",
    b"base-uri 'none'",
    b"frame-ancestors 'none'",
)
SAFETY = [
    (
        b"content-security-policy",
        b"; ".join(CONTENT),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Guard:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, settings: Settings, access: Access, metrics: GatewayMetrics) -> None:
        """Guard `app`."""
        self._app, self._access, self._metrics = app, access, metrics
        self._rates = Rates(settings.gateway_requests_per_s)
        self._busy_max, self._n_busy = settings.gateway_connections_max, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, outgoing = time.perf_counter(), _Outgoing(send)
        self._n_busy += 1
        try:
            await self._admit(scope)
            await self._app(scope, receive, outgoing)
        except Problem as problem:
            await answer(problem)(scope, receive, outgoing)
        except Exception as error:  # noqa: BLE001  whatever it is, it is logged, and the client learns that it was not them
            await self._fail(error, scope, receive, outgoing)
        finally:
            self._n_busy -= 1
            route = getattr(scope.get("route"), "path", OTHER)
            method = scope["method"] if route != OTHER else OTHER
            self._metrics.count_request(route, method, outgoing.status, time.perf_counter() - began)

    async def _admit(self, scope: Scope) -> None:
        """See whether a request may go on.

        Raises:
            Problem: It may not.
        """
        headers, client = Headers(scope=scope), scope.get("client")
        if self._n_busy > self._busy_max:
            raise Problem(503, f"{self._busy_max:,} requests are being answered already.", retry_s=RETRY_S)
        wait_s = self._rates.wait_s(client[0] if client else "", time.monotonic())
        if wait_s:
            self._metrics.count_limited()
            raise Problem(429, "This client sends more requests than PLAYFOLD_GATEWAY_REQUESTS_PER_S.", retry_s=wait_s)
        scope["path"] = path_of(scope)
        self._access.check(scope["method"], scope["path"], headers)

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, outgoing: "_Outgoing") -> None:
        response = failure(error)
        if not outgoing.status:
            await response(scope, receive, outgoing)


class _Outgoing:
    """Sends an answer with the headers that every one has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *SAFETY]}
        await self._send(message)


def path_of(scope: Scope) -> str:
    """Return the path of a request, in which an encoded slash is no slash.

    Raises:
        Problem: It has a zero byte.
    """
    path: str = scope["path"]
    raw: Any = scope.get("raw_path") or b""
    if "%" not in (encoded := raw.decode("ascii", "replace")):
        return path
    if SLASH in path:
        raise Problem(422, "A path cannot have a zero byte.")
    return unquote(encoded.replace("%2F", ENCODED_SLASH).replace("%2f", ENCODED_SLASH))
