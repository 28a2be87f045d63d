#!/bin/sh
# The programs that the tests run beside playfold: a browser, and the clients that docs/ has examples for.
# On Debian and as root, those that are missing are installed; elsewhere a sentence says which they are.
set -eu
missing=""
for pair in chromium:chromium kcat:kcat jq:jq node:nodejs promtool:prometheus; do
	command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
	echo "Installing for the tests:$missing."
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >/dev/null
	# shellcheck disable=SC2086 # a word a package
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
	echo "The tests need these programs, which are not here:$missing. Install them, on Debian by: apt-get install$missing" >&2
	exit 1
fi
