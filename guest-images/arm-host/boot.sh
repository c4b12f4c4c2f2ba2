#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Boots an emulated ARM host (QEMU, no KVM needed on this machine) with a real /dev/kvm, VFIO and an SMMUv3 in it, and runs a
# script there. The script's output is this script's, its exit status too; 124: cut off at the time limit, 125: the host died.
#
# usage: boot.sh [OPTION]…
#   --variant NAME    gicv3 (default), gicv2, or deterministic (gicv3; one instruction is one nanosecond; nothing from this
#                     machine's disk or clock gets in, so that a run repeats exactly)
#   --share FOLDER    becomes the host's /martlet (in the deterministic host: a copy, packed into the initramfs)
#   --run SCRIPT      a file of this machine to run in the host with "sh", in /martlet; without it there is a shell
#   --limit SECONDS   time limit with --run (default 600)
#   --log FILE        also write the output there
#   --smp N           CPUs (default 2; deterministic: 1)
#   --memory MIB      default 2048
# environment: MACHINE_ARGS more arguments for QEMU, KERNEL_ARGS more words for the host's kernel command line
#
# What the host offers for passing through: AMBA 9010000.pl031 (no IOMMU) and 9030000.pl061 (IOMMU group); platform
# a003e00.virtio_mmio (no IOMMU) and a003c00.virtio_mmio (IOMMU group; with a memory balloon behind it, which gives it registers
# that can be written and read). "vfio-bind NAME…" in the host gives them to VFIO.

source "$(dirname "$0")/../lib.sh"

variant=gicv3 share= run= limit=600 log=/dev/null smp= memory=2048
while (($# > 0)); do
    case $1 in
    --variant) variant=$2 ;;
    --share) share=$2 ;;
    --run) run=$2 ;;
    --limit) limit=$2 ;;
    --log) log=$2 ;;
    --smp) smp=$2 ;;
    --memory) memory=$2 ;;
    *) die "unknown option $1" "see the head of $0" ;;
    esac
    (($# > 1)) || die "$1 needs a value"
    shift 2
done

need_build_packages
kernel=$(MARTLET_QUIET=1 "$GUEST_IMAGES/kernel/build.sh")
initramfs=$(MARTLET_QUIET=1 "$GUEST_IMAGES/initramfs/build.sh")/initramfs.cpio.gz
temporary_folder work

# --- the machine

machine=virt,virtualization=on,iommu=smmuv3
# Pointer authentication is the one thing of "max" that makes every emulated function call slow.
cpu=max,pauth=off
deterministic=()
case $variant in
gicv3) machine+=,gic-version=3 ;;
gicv2) machine+=,gic-version=2 ;;
deterministic)
    machine+=,gic-version=3,dtb-randomness=off
    deterministic=(-icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm -seed 1)
    smp=${smp:-1}
    ;;
*) die "unknown variant $variant" "one of: gicv3 gicv2 deterministic" ;;
esac
read -r -a more <<<"${MACHINE_ARGS:-}"
qemu=(qemu-system-aarch64 -machine "$machine" -cpu "$cpu" -smp "${smp:-2}" -m "$memory"
    -nodefaults -display none -no-reboot "${deterministic[@]}"
    # The kernel has no driver for it, in host or guest: nothing but a test ever touches it.
    -device virtio-balloon-device,bus=virtio-mmio-bus.30 "${more[@]}")

# QEMU's own device tree, with StreamIDs for two devices that it leaves outside the SMMU: they then get an IOMMU group. (They do
# no DMA, or QEMU does not route it through the SMMU: real translation needs PCI devices.)
# The first StreamID is above all that PCI requester IDs of the only bus can be.
"${qemu[@]}" -machine "dumpdtb=$work/host.dtb" >"$work/dumpdtb.log" 2>&1 </dev/null ||
    die "QEMU refused the machine: $(tail -n 1 "$work/dumpdtb.log")" "MACHINE_ARGS is: ${MACHINE_ARGS:-empty}"
smmu=$(fdtget -t x "$work/host.dtb" /smmuv3@9050000 phandle)
fdtput -t x "$work/host.dtb" /pl061@9030000 iommus "$smmu" ff00
fdtput -t x "$work/host.dtb" /virtio_mmio@a003c00 iommus "$smmu" ff01

# --- what runs in it

words=(console=ttyAMA0 martlet.role=host
    # The host must neither drive nor hold what is passed through.
    initcall_blacklist=pl061_gpio_driver_init,ahci_driver_init,xhci_plat_init
    # VFIO without an IOMMU, without a reset, without interrupt remapping: QEMU's devices have none of them.
    vfio.enable_unsafe_noiommu_mode=1 vfio_platform.reset_required=0
    vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1)
[[ -z $run ]] || words+=(quiet)
if [[ $variant == deterministic ]]; then
    words+=(${run:+martlet.run=/martlet/.run.sh})
    {
        cat "$initramfs"
        # An uncompressed archive begins at a multiple of four bytes.
        head -c $(((4 - $(stat -c %s "$initramfs") % 4) % 4)) /dev/zero
        {
            [[ -z $run ]] || echo "file /martlet/.run.sh $run 0644 0 0"
            [[ -z $share ]] || find "$share" -mindepth 1 ! -path "$share/.run.sh" \
                \( -type d -printf 'dir /martlet/%P 0755 0 0\n' -o -type f -printf 'file /martlet/%P %p 0%m 0 0\n' \) | sort -k 2
        } >"$work/contents"
        "$kernel/gen_init_cpio" -t 0 "$work/contents"
    } >"$work/initramfs"
    initramfs=$work/initramfs
else
    if [[ -z $share ]]; then
        share=$work/share
        mkdir "$share"
    fi
    if [[ -n $run ]]; then
        cp "$run" "$share/.run.sh"
        words+=(martlet.run=/martlet/.run.sh)
    fi
    words+=(martlet.share=1)
    qemu+=(-fsdev "local,id=share,path=$share,security_model=none" -device virtio-9p-pci,fsdev=share,mount_tag=share)
fi
qemu+=(-dtb "$work/host.dtb" -kernel "$kernel/Image" -initrd "$initramfs" -append "${words[*]} ${KERNEL_ARGS:-}")

# --- running it. Should this script die, however it does, QEMU is killed by the kernel.

tied=(setpriv --pdeathsig KILL)
if [[ -z $run ]]; then
    [[ -t 0 ]] || die "a shell needs a terminal" "to run a script: --run SCRIPT"
    say arm-host "booting ($variant); the end of the shell is the end of the host"
    status=0
    "${tied[@]}" "${qemu[@]}" -chardev stdio,id=console,signal=off -serial chardev:console || status=$?
    exit "$status"
fi

last_line() { grep -av '^qemu-system-aarch64: terminating' "$work/output" | grep -a . | tail -n 1; }

begin=$EPOCHSECONDS
set +e
"${tied[@]}" timeout -k 5 "$limit" "${tied[@]}" "${qemu[@]}" -serial stdio </dev/null 2>&1 |
    sed -u 's/\r$//' | tee "$work/output" "$log"
status=${PIPESTATUS[0]}
set -e
if ((status != 0)); then
    if ((status == 124 || EPOCHSECONDS - begin >= limit)); then
        echo "arm-host: cut off after $limit s (the time limit); the last line was: $(last_line)" >&2
        exit 124
    fi
    echo "arm-host: QEMU ended with status $status" >&2
    exit 125
fi
result=$(sed -n 's/^martlet-host: exit status \([0-9]*\) .*/\1/p' "$work/output" | tail -n 1)
if [[ -z $result ]]; then
    echo "arm-host: the host ended before its script did; the last line was: $(last_line)" >&2
    exit 125
fi
exit "$result"
