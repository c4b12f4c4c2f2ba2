# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors
# shellcheck shell=dash

# The demo's part on the ARM host; /bin/sh. usage: demo-run.sh MARTLET CONFIG OUTPUT-FOLDER [DEVICE]
# Runs the guest and leaves in OUTPUT-FOLDER: report.json, console.txt, and with a DEVICE host-interrupts: how often VFIO's handler
# for it ran meanwhile.

martlet=$1 config=$2 output=$3 device=${4:-}

# counts: the number of each interrupt line and how often it has come, all CPUs together; what /proc/interrupts shows, too, but
# only while the line has a handler, and VFIO's goes when Martlet closes the device.
counts() {
    for line in /sys/kernel/irq/*; do
        echo "${line##*/} $(($(tr , + <"$line/per_cpu_count")))"
    done
}

if [ -n "$device" ]; then
    counts >"$output/before"
    # VFIO's handler has the name of a platform device, the peripheral ID of an AMBA device (drivers/vfio/platform/vfio_amba.c).
    name=$device
    [ ! -e "/sys/bus/amba/devices/$device/id" ] || name=vfio-amba-$(cat "/sys/bus/amba/devices/$device/id")
    : >"$output/line"
    while [ ! -s "$output/line" ]; do
        awk -v name="($name)" '/vfio-irq/ && index($0, name) { sub(/:/, "", $1); print $1 }' /proc/interrupts >"$output/line"
        sleep 0.2
    done &
    watcher=$!
fi

{
    "$martlet" run "$config" --report "$output/report.json"
    echo $? >"$output/status"
} 2>&1 | tee "$output/console.txt"

if [ -n "$device" ]; then
    kill "$watcher" 2>/dev/null
    line=$(head -n 1 "$output/line")
    [ -z "$line" ] || counts | cat "$output/before" - |
        awk -v line="$line" '$1 == line { n = $2 - n } END { print n }' >"$output/host-interrupts"
fi
exit "$(cat "$output/status")"
