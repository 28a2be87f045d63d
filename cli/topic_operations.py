"""The operations of `jobs` that a gateway needs: the gateway does not import them, its command passes them in."""

from jobs.user_requests.explain import explain
from jobs.user_requests.export import export_user
from jobs.user_requests.send import send_and_wait
from streams.messages.events import Forget
from streams.messages.receipt import Receipt
from streams.settings import Settings
from web.parts import TopicOperations


async def forget(user_id: str, settings: Settings) -> Receipt:
    """Delete all data about a listener, and return the receipt."""
    return await send_and_wait(Forget(user_id=user_id), settings)


OPERATIONS = TopicOperations(explain=explain, export=export_user, forget=forget)
