#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Part of "make lint": holds the imports of every module against lint/floors. It names file, line and module of each import
# that the list doesn't allow. First of all it shows that it can fail.
#
# usage: imports.sh [SOURCES]    the folder with a folder for each module (default: Sources)

set -euo pipefail
shopt -s inherit_errexit
lint=$(cd "$(dirname "$0")" && pwd)

# check FOLDER: prints what is wrong with the modules in it; fails if anything is.
check() {
    (cd "$1" && find . -name '*.swift' -print0 | sort -z |
        xargs -0 awk '
            FILENAME == floors { if ($1 !~ /^#/ && NF) { known[$1] = 1; for (i = 2; i <= NF; i++) may[$1, $i] = 1 }; next }
            FNR == 1 { split(FILENAME, parts, "/"); module = parts[2] }
            !(module in known) && !(module in told) {
                told[module] = 1; bad = 1
                print FILENAME ": the module " module " has no floor: add it to lint/floors"
            }
            /^(@[a-zA-Z_]+ +)*((public|package|internal|fileprivate|private) +)?import / {
                name = $NF; sub(/\..*/, "", name)
                if (!((module, name) in may)) {
                    bad = 1
                    print FILENAME ":" FNR ": " module " may not import " name " (lint/floors)"
                }
            }
            END { exit bad }' floors="$lint/floors" "$lint/floors")
}

sample=$(mktemp -d)
trap 'rm -rf "$sample"' EXIT
mkdir "$sample"/{Arm64,Attic}
printf 'import Synchronization\ninternal import KVM\n' >"$sample/Arm64/Bad.swift"
printf '// nothing\n' >"$sample/Attic/Bad.swift"
found=$(check "$sample" || true)
if [[ $(grep -c . <<<"$found") != 3 ]]; then
    printf 'error: lint/imports.sh does not find what is wrong with its sample; it found:\n%s\n' "$found" >&2
    exit 1
fi
check "${1:-$lint/../Sources}" >&2
