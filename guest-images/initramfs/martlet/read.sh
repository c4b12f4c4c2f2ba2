# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Reads the only disk from beginning to end martlet.rounds=N (1) times, past the page cache, and says how long that takes.

. /martlet/disk.sh
disk=$(basename "$(disks)")
round=0
set +x
read -r start rest </proc/uptime
while [ $round -lt "${martlet_rounds:-1}" ]; do
    dd if="/dev/$disk" of=/dev/null bs=1M iflag=direct 2>/dev/null
    round=$((round + 1))
done
read -r stop rest </proc/uptime
echo "martlet-guest: read $round times from $start s to $stop s"
