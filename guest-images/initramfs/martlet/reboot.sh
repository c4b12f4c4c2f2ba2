# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Asks the machine for a reset.

echo "martlet-guest: reboot"
reboot -f
