# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# How many CPUs are up.

echo "martlet-guest: cpus $(grep -c ^processor /proc/cpuinfo)"
