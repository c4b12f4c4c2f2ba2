# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The controllers, ports, clock and GPIO block of one machine, and edu.

. /martlet/disk.sh
. /martlet/serial.sh
. /martlet/gpio.sh
. /martlet/rtc.sh
. /martlet/edu.sh
