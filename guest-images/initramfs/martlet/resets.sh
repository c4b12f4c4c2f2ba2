# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The driver of the device that is called martlet.device=NAME, and its registers martlet.registers=OFFSET[,OFFSET]… With
# martlet.unbind=1 the same once the driver has let go of it, which asserts its reset lines, and once it has it again.

bus=/sys/bus/platform
device=$(basename "$(ls -d $bus/devices/*."$martlet_device")")
base=0x${device%%.*}
driver() { basename "$(readlink "$bus/devices/$device/driver" || echo none)"; }

# show WHEN
show() {
    echo "martlet-guest: $1 driver $(driver)"
    for register in $(echo "${martlet_registers:-}" | tr , ' '); do
        echo "martlet-guest: $1 register $register $(devmem $((base + register)) 32 | tr A-F a-f)"
    done
}

show first
[ -n "${martlet_unbind:-}" ] || exit 0
name=$(driver)
echo "$device" >"$bus/drivers/$name/unbind"
show unbound
echo "$device" >"$bus/drivers/$name/bind"
show bound
. /martlet/disk.sh
