# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# QEMU's educational device (docs/specs/edu.rst): who it is, its factorial with an interrupt, and DMA to and from memory of
# the machine. Linux must leave the memory from martlet.buffer=ADDRESS on alone (mem=).
#
# With martlet.target=ADDRESS[,ADDRESS]… it then tries to write to each and to read from each. With martlet.endless=1 it then
# copies for ever.

bus=/sys/bus/platform
device=$(basename "$(ls -d $bus/devices/*.edu)")
base=0x${device%%.*}
reg() { devmem $((base + $1)) 32 | tr A-F a-f; }
set_reg() { devmem $((base + $1)) "${3:-32}" "$2"; }

echo "martlet-guest: edu id $(reg 0)"
set_reg 4 0x12345678
echo "martlet-guest: edu inverse $(reg 4)"

echo uio_pdrv_genirq >$bus/devices/"$device"/driver_override
echo "$device" >$bus/drivers_probe
exec 3<>/dev/uio0
# await: waits for an interrupt and acknowledges it; status is what it came with. UIO masks the line, a one unmasks it. The line
# is still high when the handler returns, so it comes once more, with nothing to say.
await() {
    status=0x00000000
    tries=0
    while [ "$status" = 0x00000000 ]; do
        [ $tries -lt 5 ]
        timeout 10 dd bs=4 count=1 of=/dev/null <&3 2>/dev/null
        status=$(reg 0x24)
        set_reg 0x64 "$status"
        printf '\001\000\000\000' >&3
        tries=$((tries + 1))
    done
}

set_reg 0x20 0x80 # interrupt when done
set_reg 8 10
await
echo "martlet-guest: edu factorial $(($(reg 8))) status $status"

# copy SOURCE DESTINATION COMMAND [COUNT]: 4 is "interrupt when done", 2 the direction from the device.
copy() {
    set_reg 0x80 "$1" 64
    set_reg 0x88 "$2" 64
    set_reg 0x90 "${4:-16}" 64
    set_reg 0x98 $(($3 | 5)) 64
    await
}
# bytes ADDRESS: 16 of them.
bytes() { echo "$(devmem "$1" 64)$(devmem $(($1 + 8)) 64)" | sed 's/0x//g' | tr A-F a-f; }
fill() { devmem "$1" 64 0x0123456789abcdef && devmem $(($1 + 8)) 64 0xfedcba9876543210; }

buffer=${martlet_buffer:-}
[ -n "$buffer" ] || exit 0
near=$((buffer)) far=$((buffer + 0x1000)) own=0x40000
fill $near
copy $near $own 0
copy $own $far 2
echo "martlet-guest: edu copied $(bytes $far)"

# Four bytes each, which is one access and so one fault.
for target in $(echo "${martlet_target:-}" | tr , ' '); do
    copy $own "$target" 2 4
    copy "$target" $own 0 4
    copy $own $far 2
    echo "martlet-guest: edu read $(bytes $far) at $target"
    fill $near
    copy $near $own 0
done

[ -n "${martlet_endless:-}" ] || exit 0
set +x
set_reg 0x80 $own 64
set_reg 0x88 $far 64
echo "martlet-guest: edu endless"
while true; do set_reg 0x98 3 64; done # ignored while a copy is on its way
