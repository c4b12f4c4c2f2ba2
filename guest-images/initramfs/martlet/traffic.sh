# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Reads the first disk for ever, past the page cache: "blocks" runs in two areas at once, as in mixed.sh.

tries=0
while [ -z "$(ls -d /sys/block/sd* 2>/dev/null)" ] && [ $tries -lt 300 ]; do
    usleep 100000
    tries=$((tries + 1))
done
disk=$(basename "$(ls -d /sys/block/sd*)")
# See disk.sh.
echo 32 >"/sys/block/$disk/queue/max_sectors_kb"
set +x
for area in 24 44; do
    while true; do blocks "/dev/$disk" $area 20 1000000 "1$area" || break; done >/dev/null &
done
sleep 1
echo "martlet-guest: traffic on $disk"
wait
