# Ends a process that is no child of this shell: when standard input closes, which the kernel does for the one who holds
# the other end, however that one dies: SIGTERM, then SIGKILL. A line before that says that the process has ended.
# Usage: guard.sh PROCESS SECONDS_BETWEEN
process=$1
seconds=$2
read -r _ && exit
kill "$process"
while [ "$seconds" -gt 0 ]; do
    kill -0 "$process" || exit
    sleep 1
    seconds=$((seconds - 1))
done
kill -9 "$process"
