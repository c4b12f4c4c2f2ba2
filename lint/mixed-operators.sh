#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Part of "make lint": finds expressions of Swift that mix bit operators with arithmetic ones and have no parentheses; see
# mixed-operators.awk. It names file and line of each. First of all it shows on mixed-operators.sample that it can fail.
#
# usage: mixed-operators.sh [FILE…]    without one, all Swift files that git knows

set -euo pipefail
shopt -s inherit_errexit
lint=$(cd "$(dirname "$0")" && pwd)

sample=$lint/mixed-operators.sample
expected=$(awk '/\/\/ bad$/ { print FNR }' "$sample")
found=$(awk -f "$lint/mixed-operators.awk" "$sample" | cut -d: -f2 || true)
if [[ -z $expected || $found != "$expected" ]]; then
    echo "error: $sample: the lines that are bad, and those that were found:" >&2
    diff <(echo "$expected") <(echo "$found") >&2 || true
    exit 1
fi

cd "$lint/.."
if (($# == 0)); then
    mapfile -t files < <(git ls-files -z --cached --others --exclude-standard '*.swift' | tr '\0' '\n')
    set -- "${files[@]}"
fi
awk -f "$lint/mixed-operators.awk" "$@" >&2
