#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Builds the initramfs of guest and emulated host from Debian's static busybox for arm64, and prints the folder that holds it.

source "$(dirname "$0")/../lib.sh"

HERE=$GUEST_IMAGES/initramfs

fetch_busybox() {
    local new=$1
    (
        foreign_apt "$new/apt" bookworm arm64
        foreign_download "$new/packages" busybox-static
    )
    dpkg-deb -x "$new"/packages/busybox-static_*.deb "$new/tree"
    find "$new/tree" -path '*bin/busybox' -type f -exec install -m 755 {} "$new/busybox" \;
    [[ -x $new/busybox ]]
    (cd "$new/packages" && echo *.deb >"$new/package")
    rm -rf "$new"/{apt,packages,tree}
}

build_initramfs() {
    local new=$1
    contents >"$new/contents"
    # Times, owners and inode numbers come from the list, not from the files: the same input gives the same bytes.
    "$kernel_folder/gen_init_cpio" -t 0 "$new/contents" >"$new/initramfs.cpio"
    gzip -9 -n -c "$new/initramfs.cpio" >"$new/initramfs.cpio.gz"
    rm "$new/contents" "$new/initramfs.cpio"
}

# contents: the list that the kernel's gen_init_cpio reads; unlike cpio it needs no root for the device nodes.
contents() {
    local folder script
    for folder in bin dev lib martlet proc root sbin sys tmp usr usr/bin usr/sbin; do echo "dir /$folder 0755 0 0"; done
    echo "nod /dev/console 0600 0 0 c 5 1"
    echo "file /init $HERE/init 0755 0 0"
    echo "file /bin/busybox $busybox_folder/busybox 0755 0 0"
    echo "slink /bin/sh busybox 0777 0 0"
    for script in "$HERE"/martlet/*.sh; do echo "file /martlet/${script##*/} $script 0755 0 0"; done
}

kernel_folder=$(MARTLET_QUIET=1 "$GUEST_IMAGES/kernel/build.sh")
cached busybox_folder busybox "$(cache_key -- "$(declare -f fetch_busybox foreign_apt foreign_download)")" fetch_busybox
cached initramfs_folder initramfs "$(cache_key "$HERE" "$busybox_folder/busybox")" build_initramfs
echo "$initramfs_folder"
