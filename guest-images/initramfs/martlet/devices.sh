# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# RTC and GPIO chips of one machine.

. /martlet/gpio.sh
. /martlet/rtc.sh
