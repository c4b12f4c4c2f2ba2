#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Part of "make lint": holds what each target imports against the dependencies that Package.swift gives it. A missing one compiles
# as long as the other module happens to be built first: an incremental build hides it, and a fresh clone fails. One that nobody
# imports is told for all but the test targets, which share the list of their module. First of all it shows that it can fail.

set -euo pipefail
shopt -s inherit_errexit
lint=$(cd "$(dirname "$0")" && pwd)

# targets: a line for each target with sources of Swift, from "swift package dump-package": type, name, folder, dependencies.
targets() {
    jq -r '.targets[] | select(.type != "system")
        | (.path // ((if .type == "test" then "Tests/" else "Sources/" end) + .name)) as $folder
        | [.type, .name, $folder] + [.dependencies[] | (.byName // .product // .target)[0]] | join(" ")'
}

# check FOLDER: prints what is wrong in the package there, whose targets come on standard input; fails if anything is.
check() {
    local type name folder dependencies bad=0
    targets=$(cat)
    # shellcheck disable=SC2086 # the names of products and targets have no spaces
    known=$(cut -d ' ' -f 2,4- <<<"$targets" | tr ' ' '\n' | sort -u)
    while read -r type name folder dependencies; do
        imported=$(find "$1/$folder" -name '*.swift' -exec \
            sed -nE 's/^(@[A-Za-z_]+ +)*((public|package|internal|fileprivate|private) +)?import +((struct|class|enum|protocol|func|var|let|typealias) +)?([A-Za-z0-9_]+).*/\6/p' {} + |
            sort -u | comm -12 - <(printf '%s\n' "$known"))
        dependencies=$(tr ' ' '\n' <<<"$dependencies" | sed '/^$/d' | sort -u)
        for missing in $(comm -23 <(printf '%s\n' "$imported" | sed '/^$/d') <(printf '%s\n' "$dependencies")); do
            echo "Package.swift: $name imports $missing ($folder): add it to its dependencies"
            bad=1
        done
        [[ $type != test ]] || continue
        for unused in $(comm -13 <(printf '%s\n' "$imported") <(printf '%s\n' "$dependencies" | sed '/^$/d')); do
            echo "Package.swift: $name depends on $unused and does not import it ($folder): remove it from its dependencies"
            bad=1
        done
    done <<<"$targets"
    return "$bad"
}

sample=$(mktemp -d)
trap 'rm -rf "$sample"' EXIT
mkdir -p "$sample"/Sources/{High,Low,Side}
printf 'import Foundation\npublic import struct Low.Value\n' >"$sample/Sources/High/Bad.swift"
printf '// import Low\n' >"$sample/Sources/Low/Good.swift"
printf '@testable internal import Low\n' >"$sample/Sources/Side/Good.swift"
found=$(
    check "$sample" <<'END' || true
regular High Sources/High Side
regular Low Sources/Low
regular Side Sources/Side Low
END
)
if [[ $(grep -c . <<<"$found") != 2 ]]; then
    printf 'error: lint/dependencies.sh does not find what is wrong with its sample; it found:\n%s\n' "$found" >&2
    exit 1
fi
swift package --package-path "$lint/.." dump-package | targets | check "$lint/.." >&2
