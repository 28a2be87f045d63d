#!/bin/sh
# Send plays with kcat; a tab separates key and value.
# Run it beside `playfold up`: sh examples/shell/send_plays.sh
: "${BROKERS:=127.0.0.1:19092}"
now_ms=$(($(date +%s) * 1000))
kcat -P -b "$BROKERS" -t plays -K '\t' \
    -X partitioner=murmur2_random -X acks=all -X enable.idempotence=true <<EVENTS
carla	{"user_id": "carla", "item_id": "song-7", "played_at_ms": $now_ms, "play_id": "carla-1"}
carla	{"user_id": "carla", "item_id": "song-8", "played_at_ms": $now_ms, "play_id": "carla-2", "private": true}
dora	{"user_id": "dora", "item_id": "song-1", "played_at_ms": $now_ms}
EVENTS
