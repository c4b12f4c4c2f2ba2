#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Compiles the device trees of all arm64 boards that Debian's linux-source package has, with that kernel's own dtc: "-@" gives
# each labelled node a phandle, as bootloaders' trees have, and "-L" writes /__local_fixups__, which says what the phandles in
# properties are. Prints a folder: bin/dtc, and a blob for each board below dtb/. It takes a few minutes once.

source "$(dirname "$0")/../lib.sh"

build_boards() {
    local new=$1 work=$1/work source=$1/work/$package
    mkdir -p "$work" "$new/bin"
    tar -C "$work" -xf "/usr/src/$package.tar.xz" "$package/arch/arm64/boot/dts" "$package/arch/arm/boot/dts" \
        "$package/include/dt-bindings" "$package/include/uapi/linux/input-event-codes.h" "$package/scripts/dtc"
    build_dtc "$source/scripts/dtc" "$new/bin/dtc"
    (
        cd "$source/arch/arm64/boot/dts"
        find . -name '*.dts' -printf '%P\0' | sort -z |
            xargs -0 -P "$(nproc)" -n 16 "$GUEST_IMAGES/boards/compile.sh" "$new" "$source"
    )
    rm -rf "$work"
    echo "$(find "$new/dtb" -name '*.dtb' | wc -l) boards"
}

build_dtc() {
    (
        cd "$1"
        flex -o dtc-lexer.lex.c dtc-lexer.l
        bison -d -o dtc-parser.tab.c dtc-parser.y
        gcc -O2 -DNO_YAML -I . -I libfdt -o "$2" dtc.c flattree.c fstree.c data.c livetree.c treesource.c srcpos.c checks.c \
            util.c dtc-lexer.lex.c dtc-parser.tab.c
    )
}

need_build_packages
need_kernel_source package
key=$(cache_key "$GUEST_IMAGES/boards/compile.sh" -- "$(declare -f build_boards build_dtc)" "$(installed_versions "$package")" \
    "$HOST_ARCH")
cached folder boards "$key" build_boards
echo "$folder"
