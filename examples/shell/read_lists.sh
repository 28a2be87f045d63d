#!/bin/sh
# Print kind, plays, offset and first items of the lists of one listener, oldest first.
# Run it beside `playfold up`: sh examples/shell/read_lists.sh anna
: "${BROKERS:=127.0.0.1:19092}"
kcat -C -q -b "$BROKERS" -t recommendations -o beginning -e -f '%k\t%s\n' |
    awk -F '\t' -v user="${1:-anna}" '$1 == user && $2 != "" { print $2 }' |
    jq -c '[.kind, .plays, .offset, .items[:3]]'
