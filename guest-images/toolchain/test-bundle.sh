#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Cross-builds the integration tests and puts them into .build/arm64/tests with the shared libraries that they need, and no others:
# martletPackageTests.xctest and lib/. Prints that folder.

source "$(dirname "$0")/../lib.sh"

folder=$ROOT/.build/arm64/tests
build() {
    MARTLET_TESTS=integration "$GUEST_IMAGES/toolchain/swift-build.sh" --product martletPackageTests
    local bundle=$ROOT/.build/arm64-dynamic/aarch64-unknown-linux-gnu/debug/martletPackageTests.xctest
    rm -rf "$folder.new"
    mkdir -p "$folder.new/lib"
    # Without debug information, which is most of it, the bundle loads faster; the symbols stay, for back traces.
    aarch64-linux-gnu-strip --strip-debug -o "$folder.new/martletPackageTests.xctest" "$bundle"
    collect "$folder.new/martletPackageTests.xctest" "$folder.new/lib"
    rm -rf "$folder"
    mv "$folder.new" "$folder"
}

# collect PROGRAM FOLDER: copies what PROGRAM is linked with, and what that is linked with, from the sysroot.
collect() {
    local todo=("$1") folder=$2 name library
    while ((${#todo[@]} > 0)); do
        while read -r name; do
            [[ ! -e $folder/$name ]] || continue
            for library in "$toolchain"/sysroot/usr/lib/{swift/linux,aarch64-linux-gnu}/"$name" ''; do
                [[ ! -e $library ]] || break
            done
            [[ -n $library ]] || { echo "no $name, which ${todo[0]} needs, in the sysroot" && return 1; }
            cp -L "$library" "$folder/$name"
            todo+=("$folder/$name")
        done < <(aarch64-linux-gnu-readelf -d "${todo[0]}" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
        todo=("${todo[@]:1}")
    done
}

need_swift
need_build_packages
toolchain=$("$GUEST_IMAGES/toolchain/build.sh")
key=$(cache_key "$ROOT/Sources" "$ROOT"/Tests/{CIntegration,IntegrationTests} "$ROOT/Package.swift" "$GUEST_IMAGES/toolchain" -- "$toolchain")
if [[ -d $folder && $(cat "$folder/key" 2>/dev/null) == "$key" ]]; then
    say tests "up to date"
else
    begin=$EPOCHSECONDS
    say tests "building for arm64 (log: $MARTLET_CACHE/log/tests.log)"
    logged tests build
    echo "$key" >"$folder/key"
    say tests "built in $((EPOCHSECONDS - begin)) s"
fi
echo "$folder"
