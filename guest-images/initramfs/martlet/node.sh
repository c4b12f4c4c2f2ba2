# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The properties of the device tree's node martlet.node=PATH, a path below the root, in hexadecimal digits; and then, with
# martlet.alarms=N, the RTC.

for file in "/proc/device-tree/$martlet_node"/*; do
    [ ! -f "$file" ] || echo "martlet-guest: property ${file##*/} $(hexdump -v -e '1/1 "%02x"' "$file")"
done
[ -z "${martlet_alarms:-}" ] || . /martlet/rtc.sh
