# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The copy of a block of registers that Martlet has made: its compatible, registers at 0xfe0 to 0xfec, and whether a write to
# the first of them stays.

for node in /sys/firmware/devicetree/base/syscon@*; do
    base=0x${node##*@}
    echo "martlet-guest: syscon $(tr '\0' ' ' <"$node/compatible")"
    echo "martlet-guest: registers $(devmem $((base + 0xfe0)) 32) $(devmem $((base + 0xfe4)) 32) $(devmem $((base + 0xfe8)) 32)"
    devmem $((base + 0xfe0)) 32 0x12345678
    echo "martlet-guest: written $(devmem $((base + 0xfe0)) 32)"
done
