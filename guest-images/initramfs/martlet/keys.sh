# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The keys at a GPIO block that was passed through too: their driver, what it made of them, and the reference.

. /martlet/gpio.sh
node=/proc/device-tree/gpio-keys
hex() { hexdump -v -e '1/1 "%02x"' "$1"; }
echo "martlet-guest: keys gpios $(hex $node/poweroff/gpios)"
echo "martlet-guest: keys phandle $(hex /proc/device-tree/platform-bus@*/pl061@*/phandle)"
device=/sys/bus/platform/devices/gpio-keys
echo "martlet-guest: keys driver $(basename "$(readlink $device/driver)")"
echo "martlet-guest: keys input $(cat $device/input/input*/name) code $(cat $device/keys)"
