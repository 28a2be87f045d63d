#!/bin/sh
# aiokafka 0.14.0 (Python 3.11): tagged fields of Kafka's flexible requests are encoded without their sizes.
#
# Since KIP-482 a tagged field on the wire is its number, its size and its bytes. `TaggedFields.decode` reads that,
# and number 0, which Kafka uses: the cluster id of a Fetch request and the diverging epoch of its response.
# One would guess that `encode` writes what `decode` reads. It leaves the size out, and refuses number 0.
# aiokafka itself sends no tagged fields; a request of one's own, such as Fetch 12 and later, cannot have one.
#
# Output seen:
#   read    {0: b'abc', 1: b'x'}
#   written 010178, expected 01010178
#   number 0  Key 0 is not a positive integer
#
# It fails if any of these changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiokafka==0.14.0
cd "$folder"
venv/bin/python - <<'PROGRAM' | tee seen
import io

from aiokafka.protocol.types import TaggedFields

# Two fields: number 0 of 3 bytes, number 1 of 1 byte.
print("read   ", TaggedFields.decode(io.BytesIO(bytes.fromhex("0200036162630101") + b"x")))
print(f"written {TaggedFields.encode({1: b'x'}).hex()}, expected 01010178")
try:
    TaggedFields.encode({0: b"abc"})
except AssertionError as error:
    print("number 0 ", error)
PROGRAM
cat > expected <<'OUTPUT'
read    {0: b'abc', 1: b'x'}
written 010178, expected 01010178
number 0  Key 0 is not a positive integer
OUTPUT
diff expected seen
