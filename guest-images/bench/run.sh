# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors
# shellcheck shell=dash

# In the deterministic host: prints "figure NAME VALUE" lines, the median of three runs each.

cd /martlet/bench || exit 1
images=/martlet/guest-images/build

# config NAME KERNEL [INITRD [BOOT-ARGS [DEVICE [MORE-OF-THE-DEVICE]]]]
config() {
    {
        echo "{\"boot-source\": {\"kernel_image_path\": \"$2\""
        [ -z "$3" ] || echo ", \"initrd_path\": \"$3\""
        [ -z "$4" ] || echo ", \"boot_args\": \"$4\""
        echo "}"
        [ -z "$5" ] || echo ", \"platform-devices\": [{\"host\": \"$5\", \"guest_address\": \"0xc000000\"${6:+, $6}}]"
        echo ", \"machine-config\": {\"vcpu_count\": 1, \"mem_size_mib\": 128}}"
    } >"/tmp/$1.json"
}

median() { sort -n | sed -n 2p; }

# thrice ARGUMENT OF measure…: leaves /tmp/run1 to /tmp/run3.
thrice() {
    for i in 1 2 3; do
        if ! ./measure "$@" >"/tmp/run$i"; then
            echo "bench: failed: measure $*"
            exit 1
        fi
    done
}

# of FIELD-SCRIPT: the median of what awk prints for each run.
of() { for i in 1 2 3; do awk "$1" "/tmp/run$i"; done | median; }

console="console=ttyS0 martlet.role=guest quiet"
config first "$images/flat/first.bin"
config mmio "$images/flat/mmio.bin"
config pair "$images/flat/pair.bin"
config boot "$images/Image" "$images/initramfs.cpio.gz" "$console martlet.run=/martlet/cpus.sh"
config idle "$images/Image" "$images/initramfs.cpio.gz" "$console martlet.run=/martlet/idle.sh"

thrice A -- ../martlet run /tmp/first.json
echo "figure first-byte $(of '/^marker/ { print $3 }')"
echo "figure flat-exit $(of '/^marker/ { t = $3 } /^exit/ { print $3 - t }')"

thrice A B -- ../martlet run /tmp/mmio.json
echo "figure mmio-read $(of '/^marker A/ { t = $3 } /^marker B/ { print int(($3 - t) / 100000) }')"

thrice A B -- ../martlet run /tmp/pair.json
echo "figure pair $(of '/^marker A/ { t = $3 } /^marker B/ { print int(($3 - t) / 10000) }')"

martlet bind 9010000.pl031 9030000.pl061 >/dev/null || exit 1
config word "$images/flat/word.bin" "" "" 9030000.pl061 '"no_mmap": true'
thrice A B C -- ../martlet run /tmp/word.json
echo "figure word-read $(of '/^marker A/ { t = $3 } /^marker B/ { print int(($3 - t) / 100000) }')"
echo "figure word-forward $(of '/^marker B/ { t = $3 } /^marker C/ { print int(($3 - t) / 100000) }')"

# The start-up and the end with a device behind the SMMU that does nothing: without memory mapped for it, and with all of RAM.
for way in group cdev; do
    for dma in none iommu; do
        config through "$images/flat/first.bin" "" "" 9030000.pl061 "\"dma\": \"$dma\""
        sed -i "1s/^{/{\"vfio\": \"$way\", /" /tmp/through.json
        thrice A -- ../martlet run /tmp/through.json
        echo "figure first-byte-$way-$dma $(of '/^marker/ { print $3 }')"
        echo "figure flat-exit-$way-$dma $(of '/^marker/ { t = $3 } /^exit/ { print $3 - t }')"
    done
done

config irq "$images/flat/irq.bin" "" "" 9010000.pl031
thrice 'T' -- ../martlet run /tmp/irq.json
# A thousand rounds; the counter ticks once in 16 ns.
echo "figure irqfd $(for i in 1 2 3; do echo $((0x$(sed -n 's/^said T//p' /tmp/run$i) * 16 / 1000)); done | median)"

# path NAME GUEST MORE-OF-THE-DEVICE: fifty interrupts to a guest that waits in WFI. The instructions from the device's assertion to
# the guest's acknowledgement (a tick of the counter is 16 ns), the vCPU's exits for the device, and how often the line was raised.
path() {
    config "$1" "$images/flat/$2.bin" "" "" 9010000.pl031 "$3"
    if ! ../martlet run "/tmp/$1.json" >"/tmp/$1.out" 2>&1; then
        echo "bench: failed: $1"
        cat "/tmp/$1.out"
        exit 1
    fi
    echo "figure $1-latency $((0x$(sed -n 's/^T//p' "/tmp/$1.out" | tr -d '\r') * 16 / 50))"
    exits "$1" 50
}

# exits NAME INTERRUPTS: from the report in /tmp/NAME.out.
exits() {
    awk -v name="$1" -v rounds="$2" '
        /^  region 0:/ { for (i = 1; i < NF; i++) if ($i == "exits") print "figure", name "-exits", ($(i + 1) + $(i + 3)) / rounds }
        /^  interrupt 0:/ { for (i = 1; i < NF; i++) if ($i == "count") print "figure", name "-raised", $(i + 1) / rounds }
        ' "/tmp/$1.out"
}

eoi='"eoi": {"region": 0, "offset": 28, "length": 4}'
path irqfd-wfi paths '"interrupts": "irqfd"'
path relay paths '"interrupts": "relay"'
path eventfd paths '"interrupts": "eventfd", "mmap_timeout_ms": 1'
path eventfd-eoi paths "\"interrupts\": \"eventfd\", \"mmap_timeout_ms\": 1, $eoi"
path eventfd-status paths-status '"interrupts": "eventfd", "mmap_timeout_ms": 1'
path eventfd-status-eoi paths-status "\"interrupts\": \"eventfd\", \"mmap_timeout_ms\": 1, $eoi"

# linux NAME MORE-OF-THE-DEVICE: five alarms of Linux's own driver on the eventfd path.
linux() {
    config "$1" "$images/Image" "$images/initramfs.cpio.gz" "$console martlet.run=/martlet/rtc.sh martlet.alarms=5" \
        9010000.pl031 "\"interrupts\": \"eventfd\", $2"
    if ! ../martlet run "/tmp/$1.json" >"/tmp/$1.out" 2>&1; then
        echo "bench: failed: $1"
        cat "/tmp/$1.out"
        exit 1
    fi
    exits "$1" 5
}

linux linux '"mmap_timeout_ms": 20'
linux linux-eoi "\"mmap_timeout_ms\": 20, $eoi"
linux linux-soon '"mmap_timeout_ms": 1'
linux linux-soon-eoi "\"mmap_timeout_ms\": 1, $eoi"

thrice 'martlet-guest: init' 'Power down' -- ../martlet run /tmp/boot.json
echo "figure linux-init $(of '/^marker martlet-guest/ { print $NF }')"
echo "figure power-off $(of '/^marker Power/ { t = $NF } /^exit/ { print $3 - t }')"

thrice -k -r 65536 'martlet-guest: idle' -- ../martlet run /tmp/idle.json
echo "figure rss $(of '/^rss/ { print $2 }')"

# The start-up by step, from the marks in the report.
thrice -- ../martlet run /tmp/first.json --report /tmp/report.json
begin=$(sed -n 's/^begin //p' /tmp/run3)
tr -d ' ,"\n' </tmp/report.json | sed 's/.*profile:\[//; s/\].*//; s/}{/}\n{/g' | tr -d '{}' |
    sed 's/nanoseconds:\([0-9]*\)step:\(.*\)/\1 \2/' |
    awk -v before="$begin" '{ print "step", $2, $1 - before; before = $1 }'
