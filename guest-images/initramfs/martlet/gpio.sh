# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Each GPIO chip that a driver has brought up.

for chip in /sys/class/gpio/gpiochip*; do
    [ -e "$chip" ] || { echo "martlet-guest: no gpiochip" && exit 1; }
    echo "martlet-guest: gpiochip $(cat "$chip/label") lines $(cat "$chip/ngpio")"
done
