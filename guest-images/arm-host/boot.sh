#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Boots an emulated ARM host (QEMU, no KVM needed on this machine) with a real /dev/kvm, VFIO and an SMMUv3 in it, and runs a
# script there. The script's output is this script's, its exit status too; 124: cut off at the time limit, 125: the host died.
#
# usage: boot.sh [OPTION]…
#   --variant NAME    gicv3 (default), gicv2, or deterministic (gicv3; one instruction is one nanosecond; nothing from this
#                     machine's disk or clock gets in, so that a run repeats exactly)
#   --pages KIB       the size of the host's pages: 4 (default), 16 or 64
#   --share FOLDER    becomes the host's /martlet (in the deterministic host: a copy, packed into the initramfs)
#   --run SCRIPT      a file of this machine to run in the host with "sh", in /martlet; without it there is a shell
#   --limit SECONDS   time limit with --run (default 600)
#   --log FILE        also write the output there
#   --smp N           CPUs (default 2; deterministic: 1)
#   --memory MIB      default 2048
#   --devices         with the devices of devices.dts and lines.dts, which cost half a second of boot time
# environment: MACHINE_ARGS more arguments for QEMU, KERNEL_ARGS more words for the host's kernel command line
#
# What the host offers for passing through is listed in the README; "martlet bind NAME…" in the host gives it to VFIO. What its devices
# have behind them, unless the host is deterministic, is in FOLDER/devices:
#   sata.img, usb.img, virtio.img   disks of 64 MiB; the first 8 are what seq counts from 1000000, 3000000 and 5000000
#   pl011.txt, serial.txt           what was sent by each port; a cable (cable.c) joins the two

source "$(dirname "$0")/../lib.sh"

ARM_HOST=$GUEST_IMAGES/arm-host
variant=gicv3 share= run= limit=600 log=/dev/null smp= memory=2048 devices= pages=4
while (($# > 0)); do
    case $1 in
    --variant) variant=$2 ;;
    --pages) pages=$2 ;;
    --share) share=$2 ;;
    --run) run=$2 ;;
    --limit) limit=$2 ;;
    --log) log=$2 ;;
    --smp) smp=$2 ;;
    --memory) memory=$2 ;;
    --devices)
        devices=1
        shift
        continue
        ;;
    *) die "unknown option $1" "see the head of $0" ;;
    esac
    (($# > 1)) || die "$1 needs a value"
    shift 2
done

build_firmware() {
    local new=$1
    # Linked at 0 and position-independent, as the flat guests are.
    aarch64-linux-gnu-gcc -nostdlib -static -Wl,-Ttext=0,--build-id=none -o "$new/firmware.elf" "$ARM_HOST/firmware.S"
    aarch64-linux-gnu-objcopy -O binary "$new/firmware.elf" "$new/firmware.bin"
    rm "$new/firmware.elf"
}

build_cable() { gcc -O2 -Wall -Wextra -Werror -o "$1/cable" "$ARM_HOST/cable.c"; }

need_build_packages
kernel=$(MARTLET_QUIET=1 "$GUEST_IMAGES/kernel/build.sh" --pages "$pages")
initramfs=$(MARTLET_QUIET=1 "$GUEST_IMAGES/initramfs/build.sh")/initramfs.cpio.gz
temporary_folder work
if [[ -z $share && $variant != deterministic ]]; then
    share=$work/share
    mkdir "$share"
fi

# --- the machine

machine=virt,virtualization=on,iommu=smmuv3
# Pointer authentication is the one thing of "max" that makes every emulated function call slow.
cpu=max,pauth=off
deterministic=()
case $variant in
gicv3) machine+=,gic-version=3 ;;
gicv2)
    machine+=,gic-version=2
    cpu=cortex-a72 # has no pages of 16 KiB
    ;;
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

# QEMU's own device tree, and what is said of it here.
"${qemu[@]}" -machine "dumpdtb=$work/qemu.dtb" >"$work/dumpdtb.log" 2>&1 </dev/null ||
    die "QEMU refused the machine: $(tail -n 1 "$work/dumpdtb.log")" "MACHINE_ARGS is: ${MACHINE_ARGS:-empty}"
sources=("$ARM_HOST/host.dts" ${devices:+"$ARM_HOST/devices.dts" "$ARM_HOST/lines.dts"})
{ dtc -q -I dtb -O dts "$work/qemu.dtb" && cat "${sources[@]}"; } >"$work/host.dts"
dtc -q -I dts -O dtb -o "$work/host.dtb" "$work/host.dts"

# --- its devices

# disk NAME FIRST: the image of a disk and a -drive for it.
disk() {
    seq "$2" $(($2 + 1048575)) >"$files/$1.img" # lines of eight bytes
    truncate -s 64M "$files/$1.img"
    qemu+=(-drive "if=none,id=$1,file=$files/$1.img,format=raw")
}

image=$kernel/Image
cable=()
if [[ -z $devices ]]; then
    qemu+=(-serial chardev:console)
else
    cached firmware_folder firmware "$(cache_key "$ARM_HOST/firmware.S" -- "$(declare -f build_firmware)" \
        "$(aarch64-linux-gnu-gcc --version | head -n 1)")" build_firmware
    cat "$firmware_folder/firmware.bin" "$image" >"$work/Image"
    image=$work/Image
    if [[ $variant == deterministic ]]; then
        files=$work/devices
        qemu+=(-chardev null,id=pl011 -chardev null,id=serial)
    else
        files=$share/devices
        cached cable_folder cable "$(cache_key "$ARM_HOST/cable.c" -- "$(declare -f build_cable)" \
            "$(gcc --version | head -n 1)")" build_cable
        cable=("$cable_folder/cable")
        qemu+=(-chardev "socket,id=pl011,fd=10,logfile=$files/pl011.txt"
            -chardev "socket,id=serial,fd=11,logfile=$files/serial.txt")
    fi
    mkdir -p "$files"
    disk sata 1000000
    disk usb 3000000
    disk virtio 5000000
    # The slots are those of devices.dts; bus 128 is the one that Linux knows of.
    qemu+=(-device edu,addr=1,dma_mask=0xffffffffffffffff
        -device ich9-ahci,id=ahci,addr=2 -device ide-hd,drive=sata,bus=ahci.0
        -device qemu-xhci,id=xhci,addr=3 -device usb-storage,drive=usb,bus=xhci.0
        -device pci-serial,chardev=serial,addr=4
        -device pxb-pcie,id=pci,bus_nr=128,addr=5 -device pcie-root-port,id=root,bus=pci,chassis=1
        -serial chardev:pl011
        -device virtio-serial-device,max_ports=1,bus=virtio-mmio-bus.0 -device virtconsole,chardev=console
        -device virtio-blk-device,drive=virtio,bus=virtio-mmio-bus.29)
fi

# --- what runs in it

words=(martlet.role=host
    # A device whose supplier has no driver doesn't wait longer for one than that many seconds.
    deferred_probe_timeout=1
    # VFIO without an IOMMU, without a reset, without interrupt remapping: QEMU's devices have none of them.
    vfio.enable_unsafe_noiommu_mode=1 vfio_platform.reset_required=0
    vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1)
# The host leaves the GPIO block alone, and the PL011, whose driver never lets go of one. The 16550 is made ready to be a console,
# which it isn't before /sys/class/tty/ttyS0/console says so.
if [[ -z $devices ]]; then
    words+=(console=ttyAMA0 initcall_blacklist=pl061_gpio_driver_init,gpio_keys_init)
else
    words+=(console=ttyS0 console=hvc0 initcall_blacklist=pl061_gpio_driver_init,gpio_keys_init,pl011_init usb-storage.delay_use=0)
fi
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
    if [[ -n $run ]]; then
        cp "$run" "$share/.run.sh"
        words+=(martlet.run=/martlet/.run.sh)
    fi
    words+=(martlet.share=1)
    qemu+=(-fsdev "local,id=share,path=$share,security_model=none"
        -device "virtio-9p-pci,fsdev=share,mount_tag=share${devices:+,bus=root}")
fi

qemu+=(-dtb "$work/host.dtb" -kernel "$image" -initrd "$initramfs" -append "${words[*]} ${KERNEL_ARGS:-}")

# --- running it. Should this script die, however it does, QEMU is killed by the kernel.

tied=(setpriv --pdeathsig KILL)
if [[ -z $run ]]; then
    [[ -t 0 ]] || die "a shell needs a terminal" "to run a script: --run SCRIPT"
    say arm-host "booting ($variant); the end of the shell is the end of the host"
    status=0
    "${tied[@]}" "${cable[@]}" "${qemu[@]}" -chardev stdio,id=console,signal=off || status=$?
    exit "$status"
fi

last_line() { grep -av '^qemu-system-aarch64: terminating' "$work/output" | grep -a . | tail -n 1; }

begin=$EPOCHSECONDS
set +e
"${tied[@]}" timeout -k 5 "$limit" "${tied[@]}" "${cable[@]}" "${qemu[@]}" -chardev stdio,id=console </dev/null 2>&1 |
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
