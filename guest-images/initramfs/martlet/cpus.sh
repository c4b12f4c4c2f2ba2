# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# How many CPUs are up, which interrupt controller their timers use, how much memory there is, in pages of what size.

echo "martlet-guest: cpus $(grep -c ^processor /proc/cpuinfo)"
# The controller's name is behind the counts, one for each CPU.
echo "martlet-guest: timer $(awk '/arch_timer/ { for (i = 2; $i ~ /^[0-9]+$/; i++); print $i; exit }' /proc/interrupts)"
echo "martlet-guest: memory $(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) kB"
echo "martlet-guest: page size $(($(awk '/^KernelPageSize:/ { print $2; exit }' /proc/self/smaps) * 1024))"
