"""What the commands of a listener's wishes share: they send one, wait until it is carried out, and print a receipt."""

import asyncio
from typing import Annotated

import msgspec
import typer

from jobs.user_requests.send import Wish, carry_out
from streams.messages.receipt import Receipt
from streams.settings import read_settings

User = Annotated[str, typer.Argument(help="The listener's id.")]
Item = Annotated[str, typer.Argument(help="The item's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with one line of JSON.")]

OUTCOMES = {
    "forget": "{user} is forgotten",
    "pause": "Nothing is learnt from {user} any more",
    "resume": "What {user} does is learnt from again",
    "hide": "{item} is in no list of {user} any more",
    "unhide": "{item} may be in lists of {user} again",
}


def wish_for(wish: Wish, *, as_json: bool) -> None:
    """Have a wish carried out and print its receipt."""
    receipt = asyncio.run(carry_out(wish, read_settings()))
    typer.echo(msgspec.json.encode(receipt) if as_json else told(receipt))


def told(receipt: Receipt) -> str:
    """Return a receipt in a sentence."""
    outcome = OUTCOMES[receipt.wish].format(user=receipt.user_id, item=receipt.item_id)
    record = "the empty record" if receipt.wish == "forget" else "the record that reflects it"
    tombstone = receipt.recommendations_offset
    return (
        f"{outcome}, in partition {receipt.partition}: the wish stands at offset {receipt.plays_offset} of plays, "
        f"{record} at {receipt.changelog_offset} of the users changelog"
        + (f", the tombstone at {tombstone} of recommendations." if tombstone is not None else ".")
    )
