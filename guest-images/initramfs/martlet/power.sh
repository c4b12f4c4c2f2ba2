# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Waits for the power key, as logind or acpid do, and shuts down by ending.

device=/sys/bus/platform/devices/power-key
echo "martlet-guest: power driver $(basename "$(readlink $device/driver)") keys $(cat $device/keys)"
event=$(basename $device/input/input*/event*)
exec 3</dev/input/"$event"
echo "martlet-guest: power ready"
# struct input_event, 24 bytes: 16 of time, type, code and value (include/uapi/linux/input.h). Type 1 is a key.
while true; do
    # shellcheck disable=SC2046 # a word for each number
    set -- $(dd bs=24 count=1 <&3 2>/dev/null | hexdump -v -e '12/2 "%u "')
    [ "$9" = 1 ] || continue
    shift 9
    echo "martlet-guest: power code $1 value $2"
    [ "$2" = 0 ] || continue
    break
done
