#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Builds the modules of the emulated host for its kernel, and prints the folder that holds them: martlet-hold.ko
# (host-module/) and lines.ko, the power and reset controller of its device tree.

source "$(dirname "$0")/../lib.sh"

HERE=$GUEST_IMAGES/modules

build_modules() {
    local new=$1 folder
    mkdir "$new/hold" "$new/lines"
    cp "$ROOT"/host-module/{Makefile,*.c,*.h} "$new/hold"
    cp "$HERE/lines.c" "$new/lines"
    echo "obj-m := lines.o" >"$new/lines/Makefile"
    for folder in hold lines; do
        make -s -C "$kernel_folder/modules" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- M="$new/$folder" \
            W=1 KCFLAGS=-Werror modules
        mv "$new/$folder"/*.ko "$new/"
        rm -rf "${new:?}/$folder"
    done
    aarch64-linux-gnu-strip --strip-debug "$new"/*.ko
}

[[ $HOST_ARCH == x86_64 ]] || die "the emulated host needs an x86-64 machine; this is $HOST_ARCH" \
    "for this machine's own kernel: make -C host-module"
kernel_folder=$(MARTLET_QUIET=1 "$GUEST_IMAGES/kernel/build.sh")
cached modules_folder modules "$(cache_key "$ROOT/host-module" "$HERE/lines.c" -- "$kernel_folder" \
    "$(declare -f build_modules)")" build_modules
echo "$modules_folder"
