#!/bin/sh
# aiokafka 0.14.0 (Python 3.11): of several consumer groups that are described, only the first has its own name.
#
# `AIOKafkaAdminClient.describe_consumer_groups` sends the newest DescribeGroups request that broker and client know:
# version 3, with every Kafka since 2.3. Its answer has the authorized operations of each group as a last field.
# One would guess that they are read, or that the answer is refused.
# The class of request 3 names the answer of version 2, which lacks the field. So the four bytes of the operations are
# read as the beginning of the next group, whose name gets wrong letters in front, without an error.
# The class of answer 3 exists and reads it correctly.
#
# Output seen:
#   request 3 is answered by version 2
#   answer 3 reads   ['one', 'two']
#   request 3 reads  ['one', '\x00\x00\x00\x03two']
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

from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3

# Two groups without members, as a broker answers: error, name, state, protocol's type and name, members, operations.
groups = [(0, name, "Empty", "consumer", "", [], 7) for name in ("one", "two")]
answer = DescribeGroupsResponse_v3(0, groups).encode()
print(f"request 3 is answered by version {DescribeGroupsRequest_v3.RESPONSE_TYPE.API_VERSION}")
for name, kind in (("answer 3 reads  ", DescribeGroupsResponse_v3), ("request 3 reads ", DescribeGroupsRequest_v3.RESPONSE_TYPE)):
    print(name, [group[1] for group in kind.decode(io.BytesIO(answer)).groups])
PROGRAM
cat > expected <<'OUTPUT'
request 3 is answered by version 2
answer 3 reads   ['one', 'two']
request 3 reads  ['one', '\x00\x00\x00\x03two']
OUTPUT
diff expected seen
