#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Runs every command that README.md and the other Markdown files print, in the form that is printed, as table.py says.
# Those of the emulated host are typed at its shell, on a pseudo-terminal. A command that table.py lacks is an error.
#
# usage: test.sh [--slow] [--only REGEX] [RESULTS-FILE]
#   --slow         those that take many minutes, too ("make bench")
#   --only REGEX   of the commands outside the shells of the emulated host, and of these shells, only those that match
# RESULTS-FILE becomes an xUnit file.

source "$(dirname "$0")/../lib.sh"

HERE=$GUEST_IMAGES/commands
arguments=() results=
while (($# > 0)); do
    case $1 in
    --slow) arguments+=(--slow) ;;
    --only)
        arguments+=(--only "${2:?--only needs a value}")
        shift
        ;;
    -*) die "unknown option $1" "see the head of $0" ;;
    *) results=$1 ;;
    esac
    shift
done
[[ $HOST_ARCH == x86_64 ]] || die "the emulated host needs an x86-64 machine"

# fetch_launcher: Debian's dash and setpriv for the emulated host. Busybox's setpriv can't change users, and its shell
# takes its own programs before those on the PATH.
fetch_launcher() {
    local new=$1 package name
    (
        foreign_apt "$new/apt" bookworm arm64
        foreign_download "$new/packages" dash util-linux libcap-ng0 libc6
    )
    for package in "$new"/packages/*.deb; do dpkg-deb -x "$package" "$new/tree"; done
    mkdir "$new/lib"
    for name in dash setpriv; do
        find "$new/tree" -path "*bin/$name" -type f -exec install -m 755 {} "$new/lib/$name" \;
    done
    for name in libcap-ng.so.0 libc.so.6 ld-linux-aarch64.so.1; do
        cp -L "$(find "$new/tree" -path "*/aarch64-linux-gnu/$name" | head -n 1)" "$new/lib/$name"
    done
    cat >"$new/dash" <<'END'
#!/bin/sh
lib=${0%/*}/lib
exec "$lib/ld-linux-aarch64.so.1" --library-path "$lib" "$lib/${0##*/}" "$@"
END
    cp "$new/dash" "$new/setpriv"
    chmod 755 "$new/dash" "$new/setpriv" "$new"/lib/*
    rm -rf "$new"/{apt,packages,tree}
}

need_swift
need_build_packages
# Debian's own Python, which has Debian's pexpect: another one may come first on the PATH.
need_packages python3 python3-pexpect git
/usr/bin/python3 -B "$HERE/extract_test.py" -q
"$GUEST_IMAGES/build.sh"
"$GUEST_IMAGES/toolchain/martlet.sh" >/dev/null
cached launcher_folder launcher \
    "$(cache_key -- "$(declare -f fetch_launcher foreign_apt foreign_download)")" fetch_launcher
# What is in guest-images/build is in the emulated host, too.
rm -rf "$IMAGES/commands"
cp -r "$launcher_folder" "$IMAGES/commands"
temporary_folder work
status=0
/usr/bin/python3 -B "$HERE/test.py" "${arguments[@]}" "$ROOT" "$work" "${results:-$work/results}" || status=$?
rm -rf "$IMAGES/commands"
exit "$status"
