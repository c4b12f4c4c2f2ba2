#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Reads the devicetree bindings of Debian's linux-source package for properties that refer to other nodes, and prints the path
# of a Swift file that lists them. Cached.
#   --install  puts it into the sources ("make bindings")
#   --check    compares it with the sources: status 1 if they differ, 75 if the sources are from another kernel's bindings

source "$(dirname "$0")/../lib.sh"

committed=$ROOT/Sources/Passthrough/Node/BindingReferences.swift

build_bindings() {
    local new=$1
    mkdir "$new/work"
    tar -C "$new/work" -xf "/usr/src/$package.tar.xz" "$package/Documentation/devicetree/bindings"
    python3 "$GUEST_IMAGES/bindings/references.py" "$new/work/$package/Documentation/devicetree/bindings" "$package" \
        >"$new/BindingReferences.swift"
    rm -rf "$new/work"
}

need_packages xz-utils python3 python3-yaml
need_kernel_source package
key=$(cache_key "$GUEST_IMAGES/bindings/references.py" -- "$(declare -f build_bindings)" "$(installed_versions "$package")")
cached folder bindings "$key" build_bindings
case ${1:-} in
--install) publish "$folder/BindingReferences.swift" "$committed" ;;
--check)
    cmp -s "$folder/BindingReferences.swift" "$committed" && exit 0
    grep -qF "origin = \"$package\"" "$committed" || exit 75
    diff -u "$committed" "$folder/BindingReferences.swift" >&2 || true
    exit 1
    ;;
esac
echo "$folder/BindingReferences.swift"
