#!/bin/sh
# rocksdict 0.3.29 (bundled RocksDB, Python 3.11): float keys are not in numeric order, int keys are.
#
# A database without raw mode takes int and float keys. Ints are stored so that an iteration is in numeric order,
# negative ones first, and `from_key` begins a range. One would guess the same of floats, such as a score or a time.
# Floats are stored by their bits: all negative ones come after all positive ones, and descending.
# So a range from -1.0 leaves out -0.5 and every positive key, and `delete_range(-2.0, 2.0)` is refused.
#
# Output seen:
#   ints    [-300, -2, 0, 1, 300]
#   floats  [0.0, 0.5, 1.5, -0.5, -1.5, -2.5]
#   from -1.0  [-1.5, -2.5]
#   delete_range(-2.0, 2.0)  Invalid argument: end key comes before start key
#
# It fails if any of these changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rocksdict==0.3.29
cd "$folder"
venv/bin/python - <<'PROGRAM' | tee seen
from rocksdict import Rdict

ints = Rdict("ints")
for key in (300, 1, 0, -2, -300):
    ints[key] = b""
print("ints   ", list(ints.keys()))

floats = Rdict("floats")
for key in (1.5, 0.5, 0.0, -0.5, -1.5, -2.5):
    floats[key] = b""
print("floats ", list(floats.keys()))
print("from -1.0 ", list(floats.keys(from_key=-1.0)))
try:
    floats.delete_range(-2.0, 2.0)
except Exception as error:
    print("delete_range(-2.0, 2.0) ", error)
PROGRAM
cat > expected <<'OUTPUT'
ints    [-300, -2, 0, 1, 300]
floats  [0.0, 0.5, 1.5, -0.5, -1.5, -2.5]
from -1.0  [-1.5, -2.5]
delete_range(-2.0, 2.0)  Invalid argument: end key comes before start key
OUTPUT
diff expected seen
