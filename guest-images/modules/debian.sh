#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make host-module": builds host-module/ with the arm64 kernel headers of Debian's releases, to see that it compiles.
# Nothing is installed; each release's headers are unpacked in the cache. An option that this machine's compiler lacks
# and the release's has is left out.
#
# usage: debian.sh [SUITE]…       (default: bookworm trixie sid)

source "$(dirname "$0")/../lib.sh"

# fetch_headers NEW FINAL: the headers of $suite, and the programs that the build runs here, on the suite's C library.
fetch_headers() {
    local new=$1 final=$2 release kbuild source file names
    mkdir "$new/packages" "$new/l"
    (
        foreign_apt "$new/apt" "$suite" arm64
        foreign_closure linux-headers-arm64 >"$new/names"
        mapfile -t names < <(grep -E '^linux-headers-[0-9]' "$new/names")
        foreign_download "$new/packages" "${names[@]}"
    )
    kbuild=$(grep -E '^linux-kbuild-[0-9]' "$new/names")
    (
        foreign_apt "$new/apt-amd64" "$suite" amd64
        foreign_download "$new/packages" "$kbuild"
        foreign_download "$new/l" libc6
    )
    for file in "$new"/packages/*.deb; do dpkg-deb -x "$file" "$new"; done
    for file in "$new"/l/*.deb; do dpkg-deb -x "$file" "$new/c"; done
    for file in "$new"/usr/lib/linux-kbuild-*/scripts/{basic/fixdep,mod/modpost*}; do
        patchelf --set-interpreter "$final/c/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" \
            --set-rpath "$final/c/lib/x86_64-linux-gnu" "$file"
    done
    # From trixie on: everything in usr.
    [[ -e $new/c/lib ]] || ln -s usr/lib "$new/c/lib"
    source=$(echo "$new"/usr/src/linux-headers-*-arm64)
    release=${source##*/linux-headers-}
    echo "$release" >"$new/release"
    # What names the places where the packages would be installed.
    grep -rlI --include=Makefile --include='*.mk' '/usr/' "$new"/usr/src/linux-headers-* | while IFS= read -r file; do
        sed -i -E "s#/usr/(src|lib)/linux-#$final/usr/\1/linux-#g" "$file"
    done
    find "$new/usr/src" -type l -lname '/usr/*' | while IFS= read -r file; do
        ln -sfn "$final$(readlink "$file")" "$file"
    done
    rm -rf "$new"/{apt,apt-amd64,packages,l,names}
}

compile() {
    local source work options=(CONFIG_DEBUG_INFO_BTF_MODULES=) # would need pahole, for what nobody reads
    aarch64-linux-gnu-gcc -fmin-function-alignment=8 -E - </dev/null || options+=(CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=)
    temporary_folder work
    source=$(echo "$headers"/usr/src/linux-headers-*-arm64)
    cp "$ROOT"/host-module/{Makefile,*.c,*.h} "$work"
    make -C "$work" KERNEL="$source" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc \
        W=1 KCFLAGS='-Werror -Wno-error=attributes' "${options[@]}" modules
    aarch64-linux-gnu-readelf -p .modinfo "$work/martlet-hold.ko" | grep vermagic
}

need_build_packages
suites=("$@")
(($# > 0)) || suites=(bookworm trixie sid)
for suite in "${suites[@]}"; do
    cached headers headers-"$suite" "$(cache_key -- "$MARTLET_CACHE" "$suite" "$(date +%G-%V)" \
        "$(declare -f fetch_headers foreign_apt foreign_closure foreign_download)")" fetch_headers
    logged host-module-"$suite" compile
    say host-module "compiles for Linux $(<"$headers/release") ($suite)"
done
