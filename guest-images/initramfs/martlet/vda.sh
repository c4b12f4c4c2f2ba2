# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Waits for the disk of a passed-through virtio transport and says what it is, where RAM is, and the MD5 of the disk's first 8 MiB.
# It then writes 1 MiB of lines from 9000000 on at 16 MiB, and reads them back.

tries=0
while [ ! -e /sys/block/vda ] && [ $tries -lt 300 ]; do
    usleep 100000
    tries=$((tries + 1))
done
echo "martlet-guest: memory $(hexdump -v -e '1/1 "%02x"' /proc/device-tree/memory@*/reg)"
transport=$(readlink -f /sys/block/vda | grep -o '[0-9a-f]*\.virtio_mmio')
echo "martlet-guest: vda $transport driver $(basename "$(readlink "/sys/bus/platform/devices/$transport/driver")")"
echo "martlet-guest: vda sectors $(cat /sys/block/vda/size)"
echo "martlet-guest: vda md5 $(dd if=/dev/vda bs=1M count=8 2>/dev/null | md5sum | cut -d' ' -f1)"
seq 9000000 9131071 | dd of=/dev/vda bs=1M seek=16 iflag=fullblock conv=fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
echo "martlet-guest: vda written $(dd if=/dev/vda bs=1M skip=16 count=1 2>/dev/null | md5sum | cut -d' ' -f1)"
