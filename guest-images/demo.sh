#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make demo": a Linux guest with a passed-through RTC, on this machine if it is an ARM host, else in an emulated one. The last
# line is "demo: ok" only if the facts were checked and hold.
#
# On an arm64 machine: DEVICE=NAME names the platform or AMBA device to pass through instead of the PL031; without it the guest
# boots with an emulated RTC.

source "$(dirname "$0")/lib.sh"

failed() {
    echo "demo: FAILED: $1"
    exit 1
}

need_swift
need_build_packages
config=$ROOT/configs/pl031-passthrough.json
[[ -f $config ]] || die "no $config"
temporary_folder work
begin=$EPOCHSECONDS

if [[ $HOST_ARCH == aarch64 ]]; then
    device=${DEVICE:-}
    output=$work
    "$GUEST_IMAGES/build.sh"
    binary=$("$GUEST_IMAGES/toolchain/martlet.sh")
    [[ -e /dev/kvm ]] || failed "this machine has no /dev/kvm"
    # The same configuration with this machine's device, or with none.
    jq --arg images "$IMAGES" --arg device "$device" '
        ."boot-source".kernel_image_path = $images + "/Image" | ."boot-source".initrd_path = $images + "/initramfs.cpio.gz"
        | if $device == "" then del(."platform-devices") else ."platform-devices"[0].host = $device end' \
        "$config" >"$work/demo.json"
    bound=
    if [[ -n $device ]]; then bound=$(as_root "$binary" bind "$device") || failed "$device was not given to VFIO"; fi
    say demo "running the guest on this machine"
    status=0
    as_root sh "$GUEST_IMAGES/arm-host/demo-run.sh" "$binary" "$work/demo.json" "$output" "$device" || status=$?
    # What VFIO had before stays there.
    [[ -z $bound || $bound == *already* ]] || as_root "$binary" release "$device" || failed "$device was not given back"
else
    device=9010000.pl031
    share=$work/share
    output=$share/out
    "$GUEST_IMAGES/arm-host/share.sh" "$share"
    mkdir "$output"
    cp "$GUEST_IMAGES/arm-host/demo-run.sh" "$share/"
    cat >"$work/run.sh" <<END
/martlet/martlet bind $device || exit 1
sh demo-run.sh /martlet/martlet /martlet/configs/pl031-passthrough.json /martlet/out $device
status=\$?
/martlet/martlet release $device && exit \$status
END
    say demo "booting the emulated ARM host"
    status=0
    "$GUEST_IMAGES/arm-host/boot.sh" --share "$share" --run "$work/run.sh" --limit 300 || status=$?
fi

# --- the facts, from Martlet's report, the guest's own words and the host's count

report=$output/report.json
[[ -s $report ]] || failed "exit status $status and no report"
jq -e . "$report" >/dev/null 2>&1 || failed "the report is not JSON"
read -r armed received interrupts < <(sed -n \
    's/.*martlet-guest: alarms armed \([0-9]*\) received \([0-9]*\) interrupts \([0-9]*\).*/\1 \2 \3/p' "$output/console.txt") ||
    [[ $status != 0 || -n ${device#9010000.pl031} ]] || failed "the guest said nothing of its alarms"
[[ $status == 0 ]] || failed "martlet's exit status is $status"
[[ $(jq -r .exit.status "$report") == 0 ]] || failed "the report's exit status is $(jq -r .exit.status "$report")"
if [[ -n $armed ]]; then # the guest script drove an RTC
    ((armed > 0)) || failed "no alarm was armed"
    [[ $received == "$armed" ]] || failed "$armed alarms armed, $received received in the guest"
    [[ $interrupts == "$armed" ]] || failed "$armed alarms armed, $interrupts interrupts counted in the guest"
fi
facts="exit status 0"
[[ -z $armed ]] || facts="$armed alarms armed = $received received in the guest, $facts"
if [[ -n $device ]]; then
    field() { jq -r --arg device "$device" "first(.devices[] | select(.host == \$device)) | $1" "$report"; }
    counted=$(cat "$output/host-interrupts" 2>/dev/null || true)
    [[ -n $counted ]] || failed "VFIO's handler for $device was not seen in the host's /proc/interrupts"
    [[ -z $armed || $counted == "$armed" ]] || failed "$armed alarms armed, $counted interrupts counted by the host"
    [[ $(field '.interrupts[0].count') == "$counted" ]] ||
        failed "the report counts $(field '.interrupts[0].count') interrupts, the host $counted"
    [[ $(field '.regions[0].access') == mapped ]] || failed "region 0 is $(field '.regions[0].access'), not mapped"
    [[ $(field '.regions[0].reads + .regions[0].writes') == 0 ]] ||
        failed "$(field '.regions[0].reads + .regions[0].writes') exits for the mapped region"
    facts="$facts, $counted interrupts counted by the host, region mapped, 0 exits for it"
fi
say demo "done in $((EPOCHSECONDS - begin)) s"
echo "checked: $facts"
echo "demo: ok"
