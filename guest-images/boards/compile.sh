#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# compile.sh FOLDER SOURCE BOARD…: compiles arch/arm64/boot/dts/BOARD of the kernel's SOURCE to FOLDER/dtb, with FOLDER/bin/dtc.
# For build.sh, which runs it several times at once.

set -euo pipefail
folder=$1 source=$2
shift 2
includes=$source/scripts/dtc/include-prefixes
for board; do
    blob=$folder/dtb/${board%.dts}.dtb
    mkdir -p "$(dirname "$blob")"
    cd "$source/arch/arm64/boot/dts/$(dirname "$board")"
    cpp -nostdinc -I "$includes" -undef -D__DTS__ -x assembler-with-cpp "$(basename "$board")" |
        "$folder/bin/dtc" -@ -L -q -I dts -O dtb -i . -i "$includes" -o "$blob" -
done
