# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Finds each virtio-mmio transport and reads its magic value (offset 0 of its registers). With martlet.wait-irq=N it then gives
# the first one's interrupt to UIO, which asks for it as the device tree describes it, and waits for N interrupts, 10 s for each.

device=
for node in /sys/bus/platform/devices/*; do
    [ -e "$node/of_node/compatible" ] || continue
    tr '\0' '\n' <"$node/of_node/compatible" | grep -qx virtio,mmio || continue
    name=$(basename "$node")
    driver=none
    [ ! -e "$node/driver" ] || driver=$(basename "$(readlink "$node/driver")")
    echo "martlet-guest: virtio $name driver $driver"
    magic=$(devmem "0x${name%%.*}" 32)
    echo "martlet-guest: virtio magic $(echo "$magic" | tr A-F a-f)"
    device=${device:-$name}
done
[ -n "$device" ] || { echo "martlet-guest: no virtio-mmio device" && exit 1; }

if [ "${martlet_wait_irq:-0}" -gt 0 ]; then
    bus=/sys/bus/platform
    [ ! -e "$bus/devices/$device/driver" ] || echo "$device" >"$bus/devices/$device/driver/unbind"
    echo uio_pdrv_genirq >"$bus/devices/$device/driver_override"
    echo "$device" >"$bus/drivers_probe"
    [ -c /dev/uio0 ]
    exec 3<>/dev/uio0
    echo "martlet-guest: virtio waiting"
    got=0
    while [ $got -lt "$martlet_wait_irq" ]; do
        timeout 10 dd bs=4 count=1 of=/dev/null <&3 2>/dev/null || break
        got=$((got + 1))
        echo "martlet-guest: virtio irq $got"
        printf '\001\000\000\000' >&3 # UIO masks the line at each interrupt; a one unmasks it
    done
    count=$(awk -v d="${device#*.}" '$NF ~ d { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts)
    echo "martlet-guest: virtio interrupts $got of $martlet_wait_irq counted $count"
    [ $got = "$martlet_wait_irq" ]
fi
