# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors
# shellcheck shell=dash

# In the emulated host, in real time: the AHCI disk of 64 MiB is read from beginning to end, past the page cache, first by the host's
# driver and then by a guest's. Prints "read MIB HOST-SECONDS GUEST-SECONDS EXITS", three times: EXITS are those of the guest to user
# space for the controller's registers.

cd /martlet || exit 1
device=10100000.sata rounds=10
images=/martlet/guest-images/build

# host_seconds: what the host takes.
host_seconds() {
    disk=
    while [ -z "$disk" ]; do
        usleep 100000
        for entry in /sys/block/sd*; do
            case $(readlink -f "$entry") in *$device*) disk=${entry##*/} ;; esac
        done
    done
    echo 32 >"/sys/block/$disk/queue/max_sectors_kb"
    read -r start rest </proc/uptime
    for i in $(seq "$rounds"); do dd if="/dev/$disk" of=/dev/null bs=1M iflag=direct 2>/dev/null || exit 1; done
    read -r stop rest </proc/uptime
    echo "$start $stop" | awk '{ printf "%.2f", $2 - $1 }'
}

# guest: leaves what it prints, and its report, in /tmp/guest.
guest() {
    cat >/tmp/guest.json <<JSON
{"boot-source": {"kernel_image_path": "$images/Image", "initrd_path": "$images/initramfs.cpio.gz",
                 "boot_args": "console=ttyS0 quiet martlet.role=guest martlet.run=/martlet/read.sh martlet.read=1 martlet.rounds=$rounds"},
 "platform-devices": [{"host": "$device"}], "machine-config": {"vcpu_count": 1, "mem_size_mib": 128}}
JSON
    if ! ./martlet run /tmp/guest.json >/tmp/guest 2>&1 </dev/null; then
        cat /tmp/guest
        exit 1
    fi
}

for i in 1 2 3; do
    host=$(host_seconds)
    ./martlet bind $device >/dev/null || exit 1
    guest
    ./martlet release $device >/dev/null || exit 1
    awk -v what="read $((rounds * 64)) $host" '
        /^martlet-guest: read/ { seconds = $9 - $6 }
        /^  region 0: mapped/ { for (i = 1; i < NF; i++) if ($i == "exits") exits = $(i + 1) + $(i + 3) }
        END { printf "%s %.2f %d\n", what, seconds, exits }' /tmp/guest
done
