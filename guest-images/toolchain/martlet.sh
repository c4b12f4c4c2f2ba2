#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Builds the static, stripped arm64 binary .build/arm64/martlet ("make arm64"); nothing is done when no source has changed.

source "$(dirname "$0")/../lib.sh"

binary=$ROOT/.build/arm64/martlet
build() {
    "$GUEST_IMAGES/toolchain/swift-build.sh" --static -c release --product martlet
    local triple=$ROOT/.build/arm64-static/aarch64-unknown-linux-gnu/release/martlet
    mkdir -p "$(dirname "$binary")"
    "${cross}strip" --strip-all -o "$binary.new" "$triple"
    mv "$binary.new" "$binary"
}

need_swift
need_build_packages
if [[ $HOST_ARCH == aarch64 ]]; then
    cross=
    compiler=$(swift --version 2>/dev/null)
else
    cross=aarch64-linux-gnu-
    compiler=$("$GUEST_IMAGES/toolchain/build.sh")
fi
key=$(cache_key "$ROOT/Sources" "$ROOT/Package.swift" "$GUEST_IMAGES/toolchain" -- "$compiler")
if [[ -x $binary && $(cat "$binary.key" 2>/dev/null) == "$key" ]]; then
    say martlet "up to date"
else
    begin=$EPOCHSECONDS
    say martlet "building for arm64 (log: $MARTLET_CACHE/log/martlet.log)"
    logged martlet build
    echo "$key" >"$binary.key"
    say martlet "built in $((EPOCHSECONDS - begin)) s"
fi
echo "$binary"
