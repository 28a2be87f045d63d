"""Shared by the commands that send a user request: they wait until it is processed, and print a receipt."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from streams.messages.receipt import Receipt
from streams.process.format_text import pluralize
from streams.settings import read_settings

if TYPE_CHECKING:
    from jobs.user_requests.effect import UserRequest

User = Annotated[str, typer.Argument(help="The listener's id.")]
Item = Annotated[str, typer.Argument(help="The item's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]

OUTCOMES = {
    "forget": "All data about {user} is deleted",
    "pause": "Learning from {user} is paused",
    "resume": "Learning from {user} is resumed",
    "hide": "{item} is hidden from {user}",
    "unhide": "{item} is no longer hidden from {user}",
}


def send_request(request: "UserRequest", *, as_json: bool) -> None:
    """Send a user request, wait until it is processed, and print the receipt."""
    from jobs.user_requests.send import send_and_wait

    receipt = asyncio.run(send_and_wait(request, read_settings()))
    typer.echo(msgspec.json.encode(receipt) if as_json else describe_receipt(receipt))


def describe_receipt(receipt: Receipt) -> str:
    """Return a receipt in a sentence."""
    outcome = OUTCOMES[receipt.wish].format(user=receipt.user_id, item=receipt.item_id)
    record = "the empty record" if receipt.wish == "forget" else "the record that contains it"
    tombstone = receipt.recommendations_offset
    return (
        f"{outcome} (partition {receipt.partition}): the request is at offset {receipt.plays_offset} of plays, "
        f"{record} at {receipt.changelog_offset} of the users changelog"
        + (f", the tombstone at {tombstone} of recommendations" if tombstone is not None else "")
        + (f"; so are the copies on {pluralize(receipt.copies, 'other partition')}." if receipt.copies else ".")
    )
