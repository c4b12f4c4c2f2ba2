# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Says of each virtio disk what it is, and the MD5 of its first 8 MiB, and of the entropy device that it gives bytes.
# Then, by the words of the command line:
#   martlet.write=1     writes 1 MiB of lines from 9000000 on to vda at 16 MiB, and reads them back
#   martlet.blocks=N    reads and writes N MiB in vda's 8 MiB from 32 MiB on, each block checked
#   martlet.discard=1   gives vda's 16 MiB from 16 MiB on back
#   martlet.reset=1     asks for a reset at the first start, which it marks at 48 MiB of vda

for disk in /sys/block/vd*; do
    name=$(basename "$disk")
    echo "martlet-guest: $name serial $(cat "$disk/serial") sectors $(cat "$disk/size") ro $(cat "$disk/ro")"
    set -- "$disk"/mq/*
    echo "martlet-guest: $name queues $# cache $(cat "$disk/queue/write_cache")"
    echo "martlet-guest: $name md5 $(dd if="/dev/$name" bs=1M count=8 2>/dev/null | md5sum | cut -d' ' -f1)"
    if [ "$(cat "$disk/ro")" = 1 ]; then
        if dd if=/dev/zero of="/dev/$name" bs=4096 count=1 conv=fsync 2>/dev/null; then
            echo "martlet-guest: $name took a write"
        else
            echo "martlet-guest: $name refused a write"
        fi
    fi
done
random=/sys/class/misc/hw_random/rng_current
if [ -e $random ] && grep -q virtio_rng $random; then
    echo "martlet-guest: random $(dd if=/dev/hwrng bs=16 count=4 iflag=fullblock 2>/dev/null | wc -c) bytes"
fi
if [ -n "${martlet_write:-}" ]; then
    seq 9000000 9131071 | dd of=/dev/vda bs=1M seek=16 iflag=fullblock conv=fsync 2>/dev/null
    echo 3 >/proc/sys/vm/drop_caches
    echo "martlet-guest: vda written $(dd if=/dev/vda bs=1M skip=16 count=1 2>/dev/null | md5sum | cut -d' ' -f1)"
fi
if [ -n "${martlet_blocks:-}" ]; then
    blocks /dev/vda 32 8 "$martlet_blocks" 1
    echo "martlet-guest: vda blocks were right"
fi
if [ -n "${martlet_discard:-}" ]; then
    blkdiscard -o $((16 << 20)) -l $((16 << 20)) /dev/vda
    echo "martlet-guest: vda discarded"
fi
if [ -n "${martlet_reset:-}" ] && [ "$(dd if=/dev/vda bs=1M skip=48 count=1 2>/dev/null | head -c 6)" != marked ]; then
    echo marked | dd of=/dev/vda bs=512 seek=$((48 * 2048)) conv=fsync,sync,notrunc 2>/dev/null
    echo "martlet-guest: reboot"
    reboot -f
fi
