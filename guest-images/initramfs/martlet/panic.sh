# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Crashes the kernel.

echo "martlet-guest: panic"
echo c >/proc/sysrq-trigger
