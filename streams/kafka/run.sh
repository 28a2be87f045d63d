# Runs a command and ends with its status. Ends the command when standard input closes, which the
# kernel does for the one who holds the other end, however that one dies: SIGTERM, then SIGKILL.
# Usage: run.sh SECONDS_BETWEEN COMMAND...
seconds=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(
    read -r _ <&3
    trap 'kill "$nap"; wait "$nap"; exit' TERM
    kill "$child"
    sleep "$seconds" &
    nap=$!
    wait "$nap"
    kill -9 "$child"
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"
status=$?
# Some shells would say "Terminated" here, as the last line of the command's log.
{ kill "$watcher"; wait "$watcher"; } 2>/dev/null
exit "$status"
