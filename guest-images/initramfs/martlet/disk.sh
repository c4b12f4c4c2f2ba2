# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Waits for martlet.disks=N (1) disks of passed-through controllers, says what each is, and the MD5 of its first martlet.read=M
# MiB (8). With martlet.write=1 it then writes 1 MiB of lines from 9000000 on at 16 MiB, and reads them back.

disks() { ls -d /sys/block/sd* 2>/dev/null || true; }

# interrupts NAME: how many the device's line has had, on all CPUs.
interrupts() {
    awk -v d="$1" 'index($0, d) { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts
}

tries=0
while [ "$(disks | wc -l)" -lt "${martlet_disks:-1}" ] && [ $tries -lt 300 ]; do
    usleep 100000
    tries=$((tries + 1))
done
for disk in $(disks); do
    name=$(basename "$disk")
    controller=$(readlink -f "$disk" | grep -o '[0-9a-f]*\.\(sata\|usb\)')
    kind=${controller#*.}
    # QEMU's AHCI controller never answers a command whose list of segments lies across pages that are no neighbours in the host's
    # memory, which takes 30 s to get over. One of eight segments never does.
    [ "$kind" != sata ] || echo 32 >"$disk/queue/max_sectors_kb"
    echo "martlet-guest: $kind $controller driver $(basename "$(readlink "/sys/bus/platform/devices/$controller/driver")")"
    echo "martlet-guest: $kind disk $(cat "$disk/device/vendor" "$disk/device/model" | xargs) sectors $(cat "$disk/size")"
    echo "martlet-guest: $kind md5 $(dd if="/dev/$name" bs=1M count="${martlet_read:-8}" 2>/dev/null | md5sum | cut -d' ' -f1)"
    if [ -n "${martlet_write:-}" ]; then
        seq 9000000 9131071 | dd of="/dev/$name" bs=1M seek=16 iflag=fullblock conv=fsync 2>/dev/null
        echo 3 >/proc/sys/vm/drop_caches
        echo "martlet-guest: $kind written $(dd if="/dev/$name" bs=1M skip=16 count=1 2>/dev/null | md5sum | cut -d' ' -f1)"
    fi
    # The xHCI's line is called after its bus.
    line=$controller
    [ "$kind" = sata ] || line=xhci-hcd
    echo "martlet-guest: $kind interrupts $(interrupts "$line")"
done
for hub in /sys/bus/usb/devices/usb*; do
    [ ! -e "$hub" ] || echo "martlet-guest: hub $(cat "$hub/product") ports $(cat "$hub/maxchild")"
done
[ "$(disks | wc -l)" = "${martlet_disks:-1}" ]
