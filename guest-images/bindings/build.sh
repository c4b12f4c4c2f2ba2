#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Reads the devicetree bindings of Debian's linux-source package for properties that refer to other nodes, for those that are
# numbers and for the references that each device has to have, and prints the folder of the Swift files that list them. Cached.
#   --install  puts them into the sources ("make bindings")
#   --check    compares them with the sources: status 1 if they differ, 75 if the sources are from another kernel's bindings

source "$(dirname "$0")/../lib.sh"

files=(BindingReferences.swift BindingNumbers.swift BindingDemands.swift)
committed=$ROOT/Sources/GuestNodes

build_bindings() {
    local new=$1
    mkdir "$new/work"
    tar -C "$new/work" -xf "/usr/src/$package.tar.xz" "$package/Documentation/devicetree/bindings" \
        "$package/arch/arm64/boot/dts"
    python3 "$GUEST_IMAGES/bindings/references.py" "$new/work/$package/Documentation/devicetree/bindings" \
        "$new/work/$package/arch/arm64/boot/dts" "$package" "$new"
    rm -rf "$new/work"
}

need_packages xz-utils python3 python3-yaml
need_kernel_source package
key=$(cache_key "$GUEST_IMAGES/bindings/references.py" "$GUEST_IMAGES/bindings/demands.py" -- \
    "$(declare -f build_bindings)" "$(installed_versions "$package")")
cached folder bindings "$key" build_bindings
case ${1:-} in
--install) for file in "${files[@]}"; do publish "$folder/$file" "$committed/$file"; done ;;
--check)
    grep -qF "origin = \"$package\"" "$committed/BindingReferences.swift" || exit 75
    status=0
    for file in "${files[@]}"; do diff -u "$committed/$file" "$folder/$file" >&2 || status=1; done
    exit "$status"
    ;;
esac
echo "$folder"
