#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Builds the arm64 kernel from Debian's linux-source package and prints the folder that holds Image, Image.gz, config and, where
# the kernel has modules, modules/: what a module is built against.
# One Image is both guest and emulated host; on an arm64 machine, which needs no emulated host, it is a guest only.
#
# usage: build.sh [--pages 4|16|64]    the size of its pages in KiB (default 4)

source "$(dirname "$0")/../lib.sh"

HERE=$GUEST_IMAGES/kernel
pages=4
if (($# > 0)); then
    [[ $1 == --pages && ${2-} =~ ^(4|16|64)$ ]] || die "unknown arguments: $*" "see the head of $0"
    pages=$2
fi

build_kernel() {
    local new=$1 work source requests
    work=$new/work
    mkdir "$work"
    tar -C "$work" -xf "/usr/src/$package.tar.xz"
    source=$work/$package
    requests=$work/requests
    for fragment in "${fragments[@]}"; do cat "$fragment"; done >"$requests"

    # Nothing of this machine, of this user or of this minute may reach the image.
    export ARCH=arm64 CROSS_COMPILE=$cross KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_VERSION=1
    export KBUILD_BUILD_USER=martlet KBUILD_BUILD_HOST=martlet
    make -s -C "$source" KCONFIG_ALLCONFIG="$requests" alldefconfig
    check_requests "$requests" "$source/.config"
    make -s -C "$source" -j"$(nproc)" Image
    cp "$source/arch/arm64/boot/Image" "$new/Image"
    gzip -9 -n -c "$new/Image" >"$new/Image.gz"
    cp "$source/.config" "$new/config"
    cp "$source/usr/gen_init_cpio" "$new/" # a program of this machine: the initramfs is packed with it
    if grep -q '^CONFIG_MODULES=y' "$new/config"; then keep_for_modules; fi
    rm -rf "$work"
}

# keep_for_modules: the part of the built source that the build of a module reads, as the kernel's own
# scripts/package/install-extmod-build has it; that one would build the scripts anew, to run on the target.
keep_for_modules() {
    make -s -C "$source" modules_prepare
    cp "$source/vmlinux.symvers" "$source/Module.symvers"
    mkdir "$new/modules"
    (
        cd "$source"
        echo Makefile
        echo .config
        echo Module.symvers
        find arch/arm64 -maxdepth 1 -name 'Makefile*'
        find arch/arm64/include include scripts \( -path include/config -o -path scripts/dtc -o -path scripts/kconfig \) -prune \
            -o \( -type f -o -type l \) ! -name '*.o' ! -name '.*.cmd' -print
        echo include/config/auto.conf
        echo include/config/kernel.release
    ) | tar -C "$source" -cf - -T - | tar -C "$new/modules" -xf -
}

# check_requests REQUESTS CONFIG: Kconfig drops what it can't satisfy without a word, so every line is looked for in the outcome.
check_requests() {
    local line name bad=0
    while IFS= read -r line; do
        case $line in
        CONFIG_*)
            grep -qxF "$line" "$2" && continue
            echo "not held: $line (is: $(grep -E "^(# )?${line%%=*}[ =]" "$2" || echo absent))"
            bad=1
            ;;
        '# CONFIG_'*' is not set')
            name=${line#\# } && name=${name%% *}
            ! grep -q "^$name=" "$2" && continue
            echo "not off: $name"
            bad=1
            ;;
        esac
    done <"$1"
    return "$bad"
}

if [[ $HOST_ARCH == aarch64 ]]; then
    cross=
    fragments=("$HERE/common.config" "$HERE/guest.config")
else
    cross=aarch64-linux-gnu-
    fragments=("$HERE/common.config" "$HERE/host.config" "$HERE/guest.config")
fi
step=kernel recipes=("${fragments[@]}") words=()
if [[ $pages != 4 ]]; then
    step=kernel-$pages words=("$pages")
    temporary_folder settings
    sed "s/^CONFIG_ARM64_4K_PAGES=y/CONFIG_ARM64_${pages}K_PAGES=y/" "${fragments[0]}" >"$settings/common.config"
    fragments[0]=$settings/common.config
fi
need_build_packages
need_kernel_source package
cached kernel_folder "$step" "$(cache_key "${recipes[@]}" -- "$(declare -f build_kernel keep_for_modules check_requests)" "$(installed_versions "$package")" \
    "$("${cross}gcc" --version | head -n 1)" "$("${cross}ld" --version | head -n 1)" "${words[@]}")" build_kernel
echo "$kernel_folder"
