# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The demo's part on the ARM host; /bin/sh. usage: demo-run.sh MARTLET CONFIG OUTPUT-FOLDER [DEVICE]
# Runs the guest and leaves in OUTPUT-FOLDER: report.json, console.txt, and with a DEVICE host-interrupts, the number of times that
# VFIO's handler for it ran according to this host's /proc/interrupts.

martlet=$1 config=$2 output=$3 device=${4:-}

# count NUMBER: how often interrupt NUMBER has come, on all CPUs together.
count() { awk -v n="$1:" '$1 == n { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts; }

# The handler is there, with its name, only while Martlet has the device open, but the line's count stays when it goes. So all counts
# are kept from before, and the line's number is looked for while Martlet runs.
cat /proc/interrupts >"$output/before"
rm -f "$output/line"
if [ -n "$device" ]; then
    while [ ! -s "$output/line" ]; do
        awk -v name="($device)" '/vfio/ && index($0, name) { sub(/:/, "", $1); print $1 }' /proc/interrupts >"$output/line"
        sleep 0.2
    done &
    watcher=$!
fi

{
    "$martlet" run "$config" --report "$output/report.json"
    echo $? >"$output/status"
} 2>&1 | tee "$output/console.txt"

if [ -n "$device" ]; then
    kill $watcher 2>/dev/null
    line=$(head -n 1 "$output/line")
    if [ -n "$line" ]; then
        before=$(awk -v n="$line:" '$1 == n { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' "$output/before")
        echo $(($(count "$line") - before)) >"$output/host-interrupts"
    fi
fi
exit "$(cat "$output/status")"
