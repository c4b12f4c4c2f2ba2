#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make bench": the README's figures. They are counted by the deterministic emulated host, in which one instruction is one
# nanosecond, so they don't depend on this machine and repeat. What a disk gives is measured in real time, and given as a ratio.

source "$(dirname "$0")/lib.sh"

[[ $HOST_ARCH == x86_64 ]] || die "the figures are those of the emulated host, which needs an x86-64 machine"
need_swift
need_build_packages
temporary_folder work
"$GUEST_IMAGES/arm-host/share.sh" "$work/share"
need_packages libc6-dev-arm64-cross
mkdir "$work/share/bench"
aarch64-linux-gnu-gcc -O2 -Wall -Werror -static -o "$work/share/bench/measure" "$GUEST_IMAGES/bench/measure.c"
aarch64-linux-gnu-gcc -O2 -Wall -Werror -static -o "$work/share/bench/mapdma" "$GUEST_IMAGES/bench/mapdma.c"
aarch64-linux-gnu-strip "$work/share/bench/measure" "$work/share/bench/mapdma"
cp "$GUEST_IMAGES/bench/run.sh" "$work/share/bench/"

say bench "running in the deterministic host (some minutes; log: $MARTLET_CACHE/log/bench.log)"
logged bench "$GUEST_IMAGES/arm-host/boot.sh" --variant deterministic --share "$work/share" --run "$GUEST_IMAGES/bench/run.sh" \
    --limit 1800 --log "$work/output"

# The host of these figures has room for a guest of 4 GiB.
logged bench-map "$GUEST_IMAGES/arm-host/boot.sh" --variant deterministic --memory 6400 --share "$work/share" \
    --run "$GUEST_IMAGES/bench/map.sh" --limit 900 --log "$work/map"

mkdir "$work/disk"
cp -r --reflink=auto "$work/share"/{martlet,guest-images} "$work/disk/"
logged bench-disk "$GUEST_IMAGES/arm-host/boot.sh" --smp 1 --devices --share "$work/disk" --run "$GUEST_IMAGES/bench/disk.sh" \
    --limit 300 --log "$work/disk.log"

figure() { awk -v name="$1" '$1 == "figure" && $2 == name { print $3 }' "$work/output"; }
millions() { awk -v n="$(figure "$1")" 'BEGIN { printf "%.2f", n / 1e6 }'; }
mebibytes() { awk -v n="$1" 'BEGIN { printf "%.1f", n / 1048576 }'; }

cat <<END
| figure | value |
|---|---|
| exec → first byte of a flat guest (million instructions) | $(millions first-byte) |
| exec → Linux /init's first line (million instructions) | $(millions linux-init) |
| Linux guest's power-off → monitor exited (million instructions) | $(millions power-off) |
| flat guest's power-off → monitor exited (million instructions) | $(millions flat-exit) |
| trapped MMIO read handled by a device (instructions) | $(figure mmio-read) |
| trapped 4-byte read of the emulated RTC (instructions) | $(figure word-read) |
| trapped 4-byte read forwarded to a passed-through device (instructions) | $(figure word-forward) |
| trapped LDP of two registers of a device, emulated (instructions) | $(figure pair) |
| mapped device, level interrupt through irqfd: raise → guest's acknowledge (instructions) | $(figure irqfd) |
| memory of the monitor, Rss without guest RAM, Linux guest up (MiB) | $(mebibytes $(($(figure rss) * 1024))) |
| static stripped binary (MiB) | $(mebibytes "$(stat -c %s "$work/share/martlet")") |
END

echo
echo "| passed-through level interrupt | assertion → guest's acknowledgement (instructions; the guest waits in WFI) | the vCPU's exits for each | raised for each |"
echo "|---|---|---|---|"
row() { echo "| $2 | $(figure "$1-latency") | $(figure "$1-exits") | $(figure "$1-raised") |"; }
row irqfd-wfi "irqfd"
row relay "relay"
row eventfd "eventfd, the handler touches the device once"
row eventfd-eoi "eventfd with eoi, the handler touches the device once"
row eventfd-status "eventfd, the handler reads the status first"
row eventfd-status-eoi "eventfd with eoi, the handler reads the status first"
row linux "eventfd, Linux's driver, mapped again after 20 ms"
row linux-eoi "eventfd with eoi, Linux's driver, mapped again after 20 ms"
row linux-soon "eventfd, Linux's driver, mapped again after 1 ms"
row linux-soon-eoi "eventfd with eoi, Linux's driver, mapped again after 1 ms"

echo
echo "| step of the flat guest's run | million instructions |"
echo "|---|---|"
# The report costs the parser of the command line, which a plain "martlet run CONFIG" doesn't pay.
awk '$1 == "step" { printf "| %s | %.3f |\n", $2, $3 / 1e6 }' "$work/output"

echo
echo "| guest memory mapped for DMA (million instructions) | 256 MiB | 1 GiB | 4 GiB |"
echo "|---|---|---|---|"
for how in C group cdev; do
    awk -v how=$how '$1 == "map" && $2 == how { line = line sprintf(" %.1f |", $4 / 1e6) } END { print "| " how " |" line }' "$work/map"
done

# above NAME OTHER: how many million instructions more.
above() { awk -v n="$(figure "$1")" -v m="$(figure "$2")" 'BEGIN { printf "%.2f", (n - m) / 1e6 }'; }
echo
echo "| passthrough of one device, above the same VM without it (million instructions) | container | iommufd |"
echo "|---|---|---|"
echo "| exec → first byte, nothing mapped for its DMA | $(above first-byte-group-none first-byte) | $(above first-byte-cdev-none first-byte) |"
echo "| the same with all of RAM mapped, 128 MiB | $(above first-byte-group-iommu first-byte) | $(above first-byte-cdev-iommu first-byte) |"
echo "| power-off → monitor exited | $(above flat-exit-group-iommu flat-exit) | $(above flat-exit-cdev-iommu flat-exit) |"

echo
# The best of three each: this machine may do other work meanwhile.
awk '$1 == "read" { if (!n++ || $3 < host) host = $3; if (n == 1 || $4 < guest) guest = $4; exits += $5; all += $2; size = $2 }
    END {
        printf "AHCI disk, sequential read, guest relative to host: %.2f (%.0f and %.0f MiB/s)\n", host / guest, size / guest, size / host
        printf "exits to user space for the controller for each MiB read: %.3f (%d in %d MiB)\n", exits / all, exits, all
    }' "$work/disk.log"
