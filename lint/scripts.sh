#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Part of "make lint": the shell scripts under shellcheck and shfmt (packages of these names). The scripts that run in guests
# and in the emulated host are for busybox's shell, which takes them for what dash takes, but for a few things it has more.

source "$(dirname "$0")/../guest-images/lib.sh"
need_packages shellcheck shfmt
cd "$ROOT"

mapfile -t ours < <(git ls-files '*.sh' .ci/run ':!guest-images/initramfs' ':!guest-images/toolchain/build.sh')
mapfile -t busybox < <(git ls-files 'guest-images/initramfs/*.sh' guest-images/initramfs/init |
    grep -v '^guest-images/initramfs/build.sh$')
ours+=(guest-images/initramfs/build.sh)

shellcheck "${ours[@]}"
# Its bytes are in the key of the toolchain, which takes four minutes to build: two harmless remarks stay.
shellcheck --exclude=SC2015,SC2115 guest-images/toolchain/build.sh
# SC1091: other scripts are there in the guest only. SC3045, SC3060: read -t and ${//} are busybox's too.
shellcheck --shell=dash --exclude=SC1091,SC3045,SC3060 "${busybox[@]}"
shfmt -i 4 -d "${ours[@]}" "${busybox[@]}"
