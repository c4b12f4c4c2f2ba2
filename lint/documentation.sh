#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make docs", and part of "make test": makes the modules' pages and the documentation of their public declarations with DocC,
# from what the last build left. It fails for a page without a module, a module without a page, a link that leads nowhere, and
# a parameter that isn't there. First of all it shows that it can fail.
#
# usage: documentation.sh [FOLDER]    where the archives go, one for each module (default: .build/documentation)
# Status 75: this toolchain has no DocC.

source "$(dirname "$0")/../guest-images/lib.sh"

need_swift
if ! command -v docc >/dev/null; then
    say documentation "this toolchain has no docc"
    exit 75
fi
target=${1:-$ROOT/.build/documentation}
build=$ROOT/.build/debug
temporary_folder work

# What Clang has to find to load a module.
options=(-I "$build/Modules" -Xcc "-fmodule-map-file=$build/CLinux.build/module.modulemap")
for folder in "$ROOT"/Sources/{CFDT,CZlib,CZstd} "$ROOT"/.build/checkouts/swift-system/Sources/CSystem/include; do
    options+=(-I "$folder")
done

# convert CATALOG MODULE TARGET: prints what is wrong with it; fails if anything is.
convert() {
    local messages status=0
    messages=$(docc convert "$1" --fallback-display-name "$2" --fallback-bundle-identifier "martlet.$2" \
        --additional-symbol-graph-dir "$work/$2" --output-path "$3" 2>&1) || status=$?
    # A parameter whose name says it all needs no words.
    if messages=$(grep -E '^(warning|error): ' <<<"$messages" | grep -v 'is missing documentation'); then status=1; fi
    [[ -z $messages ]] || printf '%s: %s\n' "$2" "$messages"
    return "$status"
}

mkdir -p "$target"
status=0
for folder in "$ROOT"/Sources/*/; do
    module=$(basename "$folder")
    [[ -e $build/Modules/$module.swiftmodule && $module != martlet ]] || continue
    catalog=$folder$module.docc
    if [[ ! -e $catalog/$module.md ]]; then
        echo "$module has no page: write Sources/$module/$module.docc/$module.md"
        status=1
        continue
    fi
    mkdir "$work/$module"
    swift symbolgraph-extract -module-name "$module" "${options[@]}" -target "$(uname -m)-unknown-linux-gnu" \
        -minimum-access-level public -output-dir "$work/$module"
    if [[ ! -e $work/sample.docc ]]; then
        cp -r "$catalog" "$work/sample.docc"
        # shellcheck disable=SC2016 # these are DocC's marks
        printf '\nSee ``NoSuchType``.\n' >>"$work/sample.docc/$module.md"
        if convert "$work/sample.docc" "$module" "$work/sample" >/dev/null; then
            die "$0 does not find a link that leads nowhere"
        fi
    fi
    convert "$catalog" "$module" "$target/$module.doccarchive" || status=1
done
[[ -e $work/sample ]] || die "no module was found in $build/Modules" "run: make test"
exit "$status"
