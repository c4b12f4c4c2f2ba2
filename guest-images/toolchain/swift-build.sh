#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# swift build for arm64 Linux: swift-build.sh [--static] [ARGUMENT OF swift build]…
# On an arm64 machine that is a plain build; elsewhere a cross build with the SDK of build.sh.
#   --static   one static executable, libraries and all

source "$(dirname "$0")/../lib.sh"
need_swift

scratch=$ROOT/.build/arm64-dynamic
options=()
if [[ ${1:-} == --static ]]; then
    shift
    scratch=$ROOT/.build/arm64-static
    options+=(--static-swift-stdlib -Xswiftc -static-executable)
    # See Sources/CLinux/clinux_static_start.c.
    options+=(-Xlinker --wrap=__register_frame_info -Xlinker --wrap=__deregister_frame_info)
fi
if [[ $HOST_ARCH != aarch64 ]]; then
    toolchain=$(MARTLET_QUIET=1 "$GUEST_IMAGES/toolchain/build.sh")
    options+=(--swift-sdks-path "$toolchain/sdks" --swift-sdk martlet-arm64)
fi
run_swift build --package-path "$ROOT" --scratch-path "$scratch" "${options[@]}" "$@"
