# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Reads twice and writes once where the machine has nothing.

echo "martlet-guest: nothing read $(devmem 0x0ffff000 32) $(devmem 0x0ffff800 8)"
devmem 0x0ffff000 32 0x12345678
