#!/bin/sh
# Count the reasons of rejected records, the most frequent first.
# Run it beside `playfold up`: sh examples/shell/watch_rejects.sh
: "${BROKERS:=127.0.0.1:19092}"
kcat -C -q -b "$BROKERS" -t plays-rejected -o beginning -e -f '%s\n' | jq -r .reason | sort | uniq -c | sort -rn
