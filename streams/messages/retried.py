"""The header of a record that a retry has sent again: the place of the rejected record."""

import xxhash

from streams.messages.records import RejectedPlay

HEADER = "playfold-reject"
"""The header of a retried record: place and hash of the rejected one, `topic:partition:offset:hash`."""


def place_of(reject: RejectedPlay) -> bytes:
    """Return the place of a rejected record on `plays` and a hash of it, as the header of its retry has them.

    The hash tells records of one place apart: if the topic is made again, its offsets begin anew.
    """
    digest = xxhash.xxh3_64_hexdigest(b"%d:%s%s" % (len(reject.key or b""), reject.key or b"", reject.value or b""))
    return f"{reject.topic}:{reject.partition}:{reject.offset}:{digest}".encode()
