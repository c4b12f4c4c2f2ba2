# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# What disk.sh does, and then reads and writes of all sorts, which /bin/blocks makes and checks: two processes for each disk, all at
# once, the first in its area from 24 MiB on, the second in that from 44 MiB on, of 20 MiB each. martlet.sata=N and martlet.usb=N: how
# many MiB for each process. What is then in the areas has an MD5, for who has the disk next.

. /martlet/disk.sh
set +x
martlet_seed=${martlet_seed:-1}

# mixed KIND DISK AREA MIB
mixed() {
    read -r start rest </proc/uptime
    status=0
    result=$(blocks "/dev/$2" "$3" 20 "$4" "$martlet_seed$3") || status=$?
    read -r stop rest </proc/uptime
    echo "martlet-guest: $1 $result from $start s to $stop s seed $martlet_seed"
    return $status
}

# each COMMAND: calls it for each disk, as "COMMAND KIND DISK".
each() {
    for disk in $(disks); do
        controller=$(readlink -f "$disk" | grep -o '[0-9a-f]*\.\(sata\|usb\)')
        "$1" "${controller#*.}" "$(basename "$disk")"
    done
}

processes=
begin() {
    eval "total=\${martlet_$1:-64}"
    for area in 24 44; do
        mixed "$1" "$2" $area "$total" &
        processes="$processes $!"
    done
}
sum() { echo "martlet-guest: $1 left $(dd if="/dev/$2" bs=1M skip=24 count=40 2>/dev/null | md5sum | cut -d' ' -f1)"; }

each begin
for process in $processes; do wait "$process"; done
each sum
