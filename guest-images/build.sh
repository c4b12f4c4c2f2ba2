#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Everything a guest boots, into guest-images/build: Image, Image.gz, initramfs.cpio.gz, flat/*.bin ("make guest").

source "$(dirname "$0")/lib.sh"

build_flat() {
    local new=$1 source name
    for source in "$GUEST_IMAGES"/flat/*.S; do
        name=$(basename "$source" .S)
        # Linked at 0 and position-independent: the loader decides where it goes.
        "${cross}gcc" -nostdlib -static -Wl,-Ttext=0,--build-id=none -o "$new/$name.elf" "$source"
        "${cross}objcopy" -O binary "$new/$name.elf" "$new/$name.bin"
        rm "$new/$name.elf"
    done
}

kernel_folder=$("$GUEST_IMAGES/kernel/build.sh")
initramfs_folder=$("$GUEST_IMAGES/initramfs/build.sh")
if [[ $HOST_ARCH == aarch64 ]]; then cross=; else cross=aarch64-linux-gnu-; fi
cached flat_folder flat "$(cache_key "$GUEST_IMAGES/flat" "$GUEST_IMAGES/build.sh" -- "$("${cross}gcc" --version | head -n 1)")" build_flat

publish "$kernel_folder/Image" "$IMAGES/Image"
publish "$kernel_folder/Image.gz" "$IMAGES/Image.gz"
publish "$initramfs_folder/initramfs.cpio.gz" "$IMAGES/initramfs.cpio.gz"
for file in "$flat_folder"/*.bin; do publish "$file" "$IMAGES/flat/${file##*/}"; done
