# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The device tree that the kernel was booted with.

echo "martlet-guest: fdt begin"
base64 /sys/firmware/fdt
echo "martlet-guest: fdt end"
