#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Builds a Swift SDK bundle that compiles for arm64 Linux on an x86-64 Debian, and prints its folder:
#   compiler   Debian sid's swiftlang for amd64, run on its own (sid) libraries: patchelf points it at them
#   stdlib     Debian sid's swiftlang for arm64; it has to be the compiler's very version
#   C sysroot  Debian trixie's libraries for arm64; libfdt, zlib and libzstd without their .so, so that they are linked statically
# SwiftPM itself is the user's own.

source "$(dirname "$0")/../lib.sh"

SYSROOT_PACKAGES=(libc6-dev libcrypt-dev zlib1g-dev libfdt-dev libzstd-dev)

build_toolchain() {
    local new=$1 final=$2 work version
    work=$new/work
    mkdir -p "$work"

    # What the compiler is, and the libraries it runs on. Of what swiftlang depends on, only lldb needs Python and editline,
    # only FoundationNetworking needs curl, and a linker and a C compiler come with it.
    (
        foreign_apt "$work/sid-amd64" sid amd64
        version=$(apt-cache show --no-all-versions swiftlang | awk '$1 == "Version:" { print $2 }')
        echo "$version" >"$work/version"
        mapfile -t libraries < <(apt-cache depends swiftlang libswiftlang |
            awk '$1 == "Depends:" && $2 ~ /^(lib|zlib)/ { print $2 }' |
            grep -vE '^lib(swiftlang|python|edit|curl)' | sort -u)
        mapfile -t closure < <(foreign_closure "${libraries[@]}")
        foreign_download "$work/libraries" "${closure[@]}"
        foreign_download "$work/compiler" "swiftlang=$version" "libswiftlang=$version"
    )
    version=$(<"$work/version")
    (
        foreign_apt "$work/sid-arm64" sid arm64
        foreign_download "$work/runtime" "swiftlang=$version" "libswiftlang=$version"
    )
    (
        foreign_apt "$work/trixie-arm64" trixie arm64
        # "libstdc++-dev" is virtual: take the newest that provides it; it brings the C runtime files of its GCC along.
        cxx=$(apt-cache showpkg libstdc++-dev | sed -n '/^Reverse Provides/,$p' | awk '/^libstdc/ { print $1 }' | sort -V | tail -n 1)
        mapfile -t closure < <(foreign_closure "${SYSROOT_PACKAGES[@]}" "$cxx")
        foreign_download "$work/sysroot" "${closure[@]}"
    )
    (cd "$work" && find libraries compiler runtime sysroot -name '*.deb' | sort) >"$new/packages"

    unpack_compiler "$work" "$new/toolchain" "$final/toolchain"
    unpack_sysroot "$work" "$new/sysroot"
    write_bundle "$new/sdks/martlet-arm64.artifactbundle" "$final" "${version%%-*}"
    rm -rf "$work"
}

# unpack_compiler WORK NEW FINAL: what a cross build needs of swiftlang, made to run on the libraries that came with it.
unpack_compiler() {
    local work=$1 new=$2 final=$3 lib=./usr/libexec/swift/lib package file rpath
    mkdir -p "$new/lib" "$work/c" "$work/l"
    dpkg-deb --fsys-tarfile "$work"/compiler/swiftlang_*.deb | tar -x -C "$work/c" --wildcards \
        --exclude='*/embedded/*' --exclude='*/swift_static/*' --exclude='*/FrameworkABIBaseline/*' \
        './usr/libexec/swift/bin/swift*' './usr/libexec/swift/bin/clang*' './usr/libexec/swift/bin/lld' \
        './usr/libexec/swift/bin/ld.lld' './usr/libexec/swift/bin/llvm-ar' "$lib/swift/*" "$lib/clang/*"
    dpkg-deb -x "$work"/compiler/libswiftlang_*.deb "$work/c"
    mv "$work/c/usr/libexec/swift" "$new/swift"
    rm -f "$new"/swift/bin/{clangd,swift-package,swift-build,swift-test,swift-run,swift-format} # SwiftPM is the user's own

    for package in "$work"/libraries/*.deb; do dpkg-deb -x "$package" "$work/l"; done
    find "$work/l" \( -name '*.so.*' -o -name 'ld-linux*' \) ! -type d -exec cp -L {} "$new/lib/" \;
    for file in "$new"/swift/bin/*; do
        [[ ! -L $file ]] && patchelf --print-interpreter "$file" >/dev/null 2>&1 || continue
        rpath=$(patchelf --print-rpath "$file")
        patchelf --set-interpreter "$final/lib/ld-linux-x86-64.so.2" --set-rpath "${rpath:+$rpath:}$final/lib" "$file"
    done
}

# unpack_sysroot WORK NEW: the C libraries with, beside them, Swift's modules and libraries.
unpack_sysroot() {
    local work=$1 new=$2 lib=./usr/libexec/swift/lib package
    mkdir -p "$new/usr/lib" "$work/s"
    ln -s usr/lib "$new/lib"
    for package in "$work"/sysroot/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$new" --keep-directory-symlink
    done
    rm -rf "$new"/usr/share "$new"/usr/lib/*/lib{fdt,z,zstd}.so
    dpkg-deb --fsys-tarfile "$work"/runtime/swiftlang_*.deb | tar -x -C "$work/s" --wildcards \
        --exclude='*/embedded/*' --exclude='*/host/*' --exclude='*/pm/*' --exclude='*/FrameworkABIBaseline/*' \
        "$lib/swift/*" "$lib/swift_static/*" "$lib/clang/*"
    dpkg-deb --fsys-tarfile "$work"/runtime/libswiftlang_*.deb | tar -x -C "$work/s" --wildcards "$lib/swift/linux/*"
    mv "$work/s/usr/libexec/swift/lib"/{swift,swift_static,clang} "$new/usr/lib/"
    # Debian ships the cross-import overlay of Testing and Foundation without its library: with it no test bundle would link.
    rm -rf "$new"/usr/lib/swift/linux/{Testing.swiftcrossimport,_Testing_Foundation.swiftmodule}
}

# write_bundle BUNDLE FINAL VERSION
write_bundle() {
    local bundle=$1 final=$2 version=$3
    mkdir -p "$bundle/martlet-arm64"
    cat >"$bundle/info.json" <<END
{ "schemaVersion": "1.0", "artifacts": { "martlet-arm64": { "type": "swiftSDK", "version": "$version",
  "variants": [ { "path": "martlet-arm64", "supportedTriples": ["x86_64-unknown-linux-gnu"] } ] } } }
END
    cat >"$bundle/martlet-arm64/swift-sdk.json" <<END
{ "schemaVersion": "4.0", "targetTriples": { "aarch64-unknown-linux-gnu": {
  "sdkRootPath": "$final/sysroot", "swiftResourcesPath": "$final/sysroot/usr/lib/swift",
  "swiftStaticResourcesPath": "$final/sysroot/usr/lib/swift_static", "toolsetPaths": ["toolset.json"] } } }
END
    cat >"$bundle/martlet-arm64/toolset.json" <<END
{ "schemaVersion": "1.0", "rootPath": "$final/toolchain/swift/bin",
  "swiftCompiler": { "path": "swiftc", "extraCLIOptions": ["-use-ld=lld", "-nonlib-dependency-scanner"] },
  "cCompiler": { "path": "clang" }, "cxxCompiler": { "path": "clang++" }, "librarian": { "path": "llvm-ar" } }
END
}

[[ $HOST_ARCH == x86_64 ]] || die "the cross toolchain is for x86-64 machines; this is $HOST_ARCH"
need_build_packages
# The folder's own path is in the key because the compiler and the bundle name it.
cached toolchain_folder toolchain \
    "$(cache_key -- "$MARTLET_CACHE" "${SYSROOT_PACKAGES[*]}" "$(declare -f build_toolchain unpack_compiler unpack_sysroot \
        write_bundle foreign_apt foreign_closure foreign_download)")" build_toolchain
echo "$toolchain_folder"
