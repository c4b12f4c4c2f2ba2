#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make arm-host": a shell in the emulated host with the built files at /martlet, or, with RUN=FILE, that script there.
# VARIANT, LIMIT and PAGES are boot.sh's --variant, --limit and --pages, DEVICES=1 its --devices; MACHINE_ARGS and KERNEL_ARGS reach it, too.
# The folder goes with the host; what should stay is to be copied to /martlet/out, which becomes guest-images/build/out.

source "$(dirname "$0")/../lib.sh"

[[ -z ${RUN:-} || -f $RUN ]] || die "no script $RUN"
temporary_folder share
"$GUEST_IMAGES/arm-host/share.sh" "$share"
mkdir -p "$IMAGES/out"
status=0
"$GUEST_IMAGES/arm-host/boot.sh" --share "$share" ${RUN:+--run "$RUN"} ${VARIANT:+--variant "$VARIANT"} ${LIMIT:+--limit "$LIMIT"} \
    ${PAGES:+--pages "$PAGES"} \
    ${DEVICES:+--devices} || status=$?
[[ ! -d $share/out ]] || cp -r "$share/out/." "$IMAGES/out/"
exit "$status"
