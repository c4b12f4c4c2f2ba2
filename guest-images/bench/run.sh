# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# In the deterministic host: prints "figure NAME VALUE" lines, the median of three runs each.

cd /martlet/bench || exit 1
images=/martlet/guest-images/build

# config NAME KERNEL [INITRD [BOOT-ARGS [DEVICE]]]
config() {
    {
        echo "{\"boot-source\": {\"kernel_image_path\": \"$2\""
        [ -z "$3" ] || echo ", \"initrd_path\": \"$3\""
        [ -z "$4" ] || echo ", \"boot_args\": \"$4\""
        echo "}"
        [ -z "$5" ] || echo ", \"platform-devices\": [{\"host\": \"$5\", \"guest_address\": \"0xc000000\"}]"
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

vfio-bind 9010000.pl031 >/dev/null || exit 1
config irq "$images/flat/irq.bin" "" "" 9010000.pl031
thrice 'T' -- ../martlet run /tmp/irq.json
# A thousand rounds; the counter ticks once in 16 ns.
echo "figure irqfd $(for i in 1 2 3; do echo $((0x$(sed -n 's/^said T//p' /tmp/run$i) * 16 / 1000)); done | median)"

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
