"""How a request that cannot be answered is answered: as a problem document (RFC 9457)."""

import logging
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from state.errors import GenerationError
from streams.connection.credentials import CredentialsError
from streams.connection.rights import MissingRightError
from streams.connection.start import UnreachableError
from streams.outbox import OutboxError
from streams.readers.decode_record import UnreadableRecord
from streams.readers.log_reader import LogReadError
from web.feeds.list_waiters import TooManyWaitError
from web.play_intake import IntakeError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2
UNAVAILABLE = (
    UnreadableRecord,
    IntakeError,
    LogReadError,
    OutboxError,
    MissingRightError,
    CredentialsError,
    UnreachableError,
    KafkaError,
    GenerationError,
    TooManyWaitError,
    TimeoutError,
)
"""Errors that another request may not meet, once Kafka or its settings are mended: answered 503 with Retry-After."""


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error of a request, or of its answer (RFC 9457)."""

    type: str
    """Always `about:blank`: the status is the kind of the problem."""
    title: str
    """The same for all problems of a status."""
    status: int
    detail: str
    """The fault of this request, and the way out."""
    errors: list[dict[str, str]] = []
    """The faulty places of the request, each with its reason."""
    results: list[Any] = []
    """The result of each event of a batch."""


class Problem(Exception):  # noqa: N818  an answer to the client, and no error of the gateway
    """A request that is answered with a problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        """Answer with a status, a sentence and, if trying again may help, when."""
        super().__init__(detail)
        self.status, self.detail, self.extra = status, detail, extra
        self.headers = dict(headers or {}) | ({} if retry_s is None else {"Retry-After": str(retry_s)})


def answer(problem: Problem) -> Response:
    """Return a problem as a response."""
    title = HTTPStatus(problem.status).phrase
    document = ProblemDocument(
        type="about:blank", title=title, status=problem.status, detail=problem.detail, **problem.extra
    )
    return Response(msgspec.json.encode(document), problem.status, problem.headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Return the problem document of a handled error."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        errors = [
            {"where": ".".join(map(str, error_part["loc"])), "why": str(error_part["msg"])}
            for error_part in error.errors()
        ]
        where = "; ".join(f"{error_part['where']}: {error_part['why']}" for error_part in errors)
        return Problem(422, f"The request does not fit: {where[:500]}.", errors=errors[:20])
    if isinstance(error, HTTPException):
        detail = {404: "There is nothing at this path.", 405: "This path does not take this method."}
        sentence = detail.get(error.status_code, f"{error.detail}.")
        return Problem(error.status_code, sentence, headers=error.headers)
    if isinstance(error, KafkaError):
        return Problem(503, f"Kafka did not do its part: {error!r}.", retry_s=RETRY_S)
    return Problem(503, str(error) or "The answer took too long.", retry_s=RETRY_S)


def failure() -> Response:
    """Return the answer to an unexpected error."""
    return answer(Problem(500, "The gateway failed; its log has the location."))


def log_failure(error: Exception) -> None:
    """Log the type and location of an unexpected error, but nothing of the request."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request_failed", extra={"error": type(error).__name__, "where": f"{frame.filename}:{frame.lineno}"})


async def _answer_error(_: Request, error: Exception) -> Response:
    return answer(problem_of(error))


async def _answer_failure(_: Request, __: Exception) -> Response:
    return failure()  # the framework raises the error again, and the guard logs it


def add_problems(app: FastAPI) -> None:
    """Answer every error of an app with a problem document."""
    for kind in (Problem, RequestValidationError, HTTPException, *UNAVAILABLE):
        app.add_exception_handler(kind, _answer_error)
    app.add_exception_handler(Exception, _answer_failure)
