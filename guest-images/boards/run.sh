#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make boards": the device trees of all arm64 boards of Debian's linux-source package through the node generator. Prints a table:
# what was counted, and dtc's warnings on the guest's trees. Fails if the generator traps, or a target is missed (Tests/Boards).
#   BOARDS_ONLY     boards whose names contain this
#   BOARDS_DETAILS  a file that gets a line for each thing that was counted

source "$(dirname "$0")/../lib.sh"

need_swift
boards=$("$GUEST_IMAGES/boards/build.sh")
temporary_folder work
mkdir "$work/blobs"
say boards "building the tool (log: $MARTLET_CACHE/log/boards-tool.log)"
scratch=$ROOT/.build/boards
logged boards-tool run_swift build -c release --package-path "$ROOT" --scratch-path "$scratch" --product boards
say boards "running"
status=0
"$scratch/release/boards" "$boards/dtb" --blobs "$work/blobs" ${BOARDS_ONLY:+--only "$BOARDS_ONLY"} \
    ${BOARDS_DETAILS:+--details "$BOARDS_DETAILS"} >"$work/table" || status=$?
traps=0
if ((status > 1)); then traps=1; fi

# Each different guest's tree under dtc. Warnings by kind: trees that have it.
say boards "dtc on $(find "$work/blobs" -name '*.dtb' | wc -l) guests' trees"
find "$work/blobs" -name '*.dtb' -print0 |
    xargs -0 -P "$(nproc)" -n 64 sh -c \
        'dtc=$0; for blob; do "$dtc" -I dtb -O dtb -o /dev/null "$blob" 2>&1 | sed "s|^|$blob: |"; done' "$boards/bin/dtc" \
        >"$work/warnings" || true
echo
printf '%-58s%s\n' traps "$traps"
grep -v '^missed: ' "$work/table" || true
sed -n 's/^\([^:]*\): .*Warning (\([a-z0-9_]*\)).*/\2 \1/p' "$work/warnings" | grep -v "Failed prerequisite" | sort -u |
    awk '{ count[$1]++ } END { for (kind in count) printf "%-58s%d\n", "trees with dtc'"'"'s " kind, count[kind] }' | sort
grep '^missed: ' "$work/table" || true
exit "$status"
