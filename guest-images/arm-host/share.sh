#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# share.sh FOLDER: fills FOLDER with what the emulated host sees as /martlet, laid out as in the clone, so that the relative
# paths in configs/*.json hold there: martlet, configs/, guest-images/build/. Beside them modules/, for the host's kernel.

source "$(dirname "$0")/../lib.sh"

folder=$1
"$GUEST_IMAGES/build.sh"
modules=$("$GUEST_IMAGES/modules/build.sh")
binary=$("$GUEST_IMAGES/toolchain/martlet.sh")
mkdir -p "$folder/guest-images"
cp "$binary" "$folder/martlet"
cp -r "$modules" "$folder/modules"
cp -r --reflink=auto "$IMAGES" "$folder/guest-images/build"
[[ ! -d $ROOT/configs ]] || cp -r "$ROOT/configs" "$folder/configs"
