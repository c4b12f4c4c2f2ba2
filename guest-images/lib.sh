# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors
# shellcheck shell=bash

# Sourced by every script here: progress lines, the cache, packages. Everything that is built lives in the cache under a
# name that holds a hash of what it was made from; it appears there by a rename, so a half-built thing is never seen.
#
#   MARTLET_CACHE    the cache folder                          (default ~/.cache/martlet)
#   MARTLET_QUIET    1: no lines about what is cached; for a script called by another that has already said so
#   MARTLET_VERBOSE  1: logs on the terminal instead of files  (default: files in the cache, shown when a step fails)

set -euo pipefail
shopt -s nullglob inherit_errexit
export LC_ALL=C
umask 022

GUEST_IMAGES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$GUEST_IMAGES")
MARTLET_CACHE=$(mkdir -p "${MARTLET_CACHE:-$HOME/.cache/martlet}" && cd "${MARTLET_CACHE:-$HOME/.cache/martlet}" && pwd)
export MARTLET_CACHE
export MARTLET_STARTED=${MARTLET_STARTED:-$EPOCHSECONDS} # one clock for all scripts of a run
HOST_ARCH=$(uname -m)
IMAGES=$GUEST_IMAGES/build # what "make guest" leaves: Image, Image.gz, initramfs.cpio.gz, flat/*.bin
mkdir -p "$MARTLET_CACHE"/{log,lock,tmp}

# --- progress

# say STEP TEXT: one progress line with the seconds since the run began.
say() { printf '==> [%4ds] %s: %s\n' $((EPOCHSECONDS - MARTLET_STARTED)) "$1" "$2" >&2; }

# die TEXT [REMEDY]: an error that ends the script.
die() {
    printf 'error: %s\n' "$1" >&2
    [[ $# -lt 2 ]] || printf '  %s\n' "${@:2}" >&2
    exit 1
}

# logged STEP COMMAND…: runs COMMAND (a function, too) with its output in the step's log; shows the log's end if it fails.
logged() {
    local step=$1 log=$MARTLET_CACHE/log/$1.log status=0
    shift
    if [[ ${MARTLET_VERBOSE:-} == 1 ]]; then
        "$@" >&2 # standard output is for a script's result
        return
    fi
    set +e # a command tested by "if" or "||" runs without errexit, so neither is used here
    (
        set -e
        "$@"
    ) >"$log" 2>&1 </dev/null
    status=$?
    set -e
    if [[ $status != 0 ]]; then
        { echo "--- the last lines of $log" && tail -n 30 "$log" && echo "---"; } >&2
        die "$step failed (status $status); the whole log: $log"
    fi
}

# --- temporary folders, removed when the script ends, however it ends

_temporary=()
# What a killed run left behind.
find "$MARTLET_CACHE/tmp" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} +
_clean_up() { ((${#_temporary[@]} == 0)) || rm -rf "${_temporary[@]}"; }
trap _clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# temporary_folder VARIABLE: in the cache, so that a rename to its place is atomic. (Not by $(…): a subshell would forget it.)
temporary_folder() {
    local _folder
    _folder=$(mktemp -d "$MARTLET_CACHE/tmp/XXXXXXXX")
    _temporary+=("$_folder")
    printf -v "$1" '%s' "$_folder"
}

# --- the cache

# cache_key [FILE|FOLDER]… [-- STRING…]: a hash of the files' names and bytes and of the strings.
cache_key() {
    local file
    {
        while (($# > 0)) && [[ $1 != -- ]]; do
            [[ -e $1 ]] || die "no such recipe file: $1"
            while IFS= read -r file; do
                printf '%s\n' "${file#"$ROOT"/}"
                sha256sum <"$file"
            done < <(find "$1" -type f | sort)
            shift
        done
        printf '%s\n' "$@"
    } | sha256sum | cut -c1-16
}

# installed_versions PACKAGE…: what dpkg has, one line each; part of a cache key.
installed_versions() { dpkg-query -W -f '${Package} ${Version}\n' "$@"; }

# cached VARIABLE STEP KEY FUNCTION: sets VARIABLE to the folder of STEP for KEY. When it isn't there, FUNCTION is run as
# "FUNCTION TEMPORARY FINAL" and has to fill the folder TEMPORARY, which is then renamed to FINAL.
cached() {
    local _step=$2 _final=$MARTLET_CACHE/$2/$3 _new _begin=$EPOCHSECONDS _lock
    printf -v "$1" '%s' "$_final"
    if [[ -d $_final ]]; then
        touch "$_final"
        [[ ${MARTLET_QUIET:-} == 1 ]] || say "$_step" cached
        return
    fi
    mkdir -p "$MARTLET_CACHE/$_step"
    exec {_lock}>"$MARTLET_CACHE/lock/$_step"
    if ! flock -n "$_lock"; then
        say "$_step" "waiting for another run that is building it"
        flock "$_lock"
    fi
    if [[ ! -d $_final ]]; then
        say "$_step" "building (log: $MARTLET_CACHE/log/$_step.log)"
        temporary_folder _new
        chmod 755 "$_new"
        logged "$_step" "$4" "$_new" "$_final"
        mv -T "$_new" "$_final"
        say "$_step" "built in $((EPOCHSECONDS - _begin)) s"
        _forget_old "$MARTLET_CACHE/$_step"
    else
        say "$_step" cached
    fi
    exec {_lock}>&-
}

# Entries of a step beyond the newest two go, unless somebody used them in the last day.
_forget_old() {
    local entry
    find "$1" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2- | tail -n +3 |
        while IFS= read -r entry; do
            [[ -z $(find "$entry" -maxdepth 0 -mmin +1440) ]] || rm -rf "$entry"
        done
}

# publish FILE TARGET: copies FILE to TARGET by a rename, so that a reader sees the old or the new one; leaves an equal one alone.
publish() {
    cmp -s "$1" "$2" && return
    mkdir -p "$(dirname "$2")"
    cp --reflink=auto -p "$1" "$2.$$"
    mv -T "$2.$$" "$2"
}

# --- packages of this machine

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "packages are missing and neither root nor sudo is at hand" "as root: $*"
    fi
}

# need_packages PACKAGE…: installs those that are missing, with the user's own apt configuration.
need_packages() {
    command -v apt-get >/dev/null ||
        die "this machine has no apt-get" "these recipes are for Debian; install the equivalents of: $*"
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    say packages "installing ${missing[*]} (log: $MARTLET_CACHE/log/packages.log)"
    logged packages _install "${missing[@]}"
}

# need_build_packages: all that the scripts here need of the machine, at once: a password is asked for at the beginning, not half-way.
need_build_packages() {
    local packages=(make gcc libc6-dev flex bison bc xz-utils binutils jq libfdt-dev zlib1g-dev libzstd-dev
        device-tree-compiler debian-archive-keyring)
    [[ $HOST_ARCH == aarch64 ]] || packages+=(gcc-aarch64-linux-gnu patchelf qemu-system-arm)
    need_packages "${packages[@]}"
}

_install() {
    local options=(-q -o DPkg::Lock::Timeout=600)
    # A broken third-party source must not stop us: what matters is whether the packages can be installed.
    as_root apt-get "${options[@]}" update || echo "apt-get update failed; trying with the lists at hand"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install -y --no-install-recommends "$@"
}

OLDEST_KERNEL=6.12 # the first long-term kernel with all that the host needs of VFIO and iommufd

# need_kernel_source VARIABLE: installs Debian's package of the kernel's source and sets VARIABLE to its name.
need_kernel_source() {
    local _package
    _package=$(_kernel_source || true)
    if [[ -z $_package ]]; then # the package lists may be missing or old
        logged packages as_root apt-get -q update
        _package=$(_kernel_source) || die "no linux-source-6.x package from $OLDEST_KERNEL on in the apt sources"
    fi
    need_packages "$_package"
    printf -v "$1" '%s' "$_package"
}

# _kernel_source: the newest linux-source-6.x package that is installed, or else that could be.
_kernel_source() {
    local names
    names=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-source-6.*' 2>/dev/null |
        awk '$1 == "installed" { print $2 }' || true)
    _newest <<<"$names" && return
    apt-cache search --names-only '^linux-source-6\.[0-9]+$' | cut -d' ' -f1 | _newest
}

_newest() {
    local newest
    newest=$({ grep -xE 'linux-source-6\.[0-9]+' || true; } | sort -V | tail -n 1)
    [[ -n $newest && $(printf '%s\n' "$OLDEST_KERNEL" "${newest#linux-source-}" | sort -V | head -n 1) == "$OLDEST_KERNEL" ]] || return 1
    echo "$newest"
}

# --- packages of other releases and architectures, unpacked in the cache and never installed

# debian_mirror: the archive that this machine's own apt sources name.
debian_mirror() {
    local uri
    uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
        awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
    if [[ -z $uri ]]; then # lists never fetched: go by the release's name
        uri=$(apt-get indextargets --format '$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
            awk -F'|' -v release="$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" '$1 == release { print $2; exit }')
    fi
    [[ -n $uri ]] || die "no Debian archive found in the apt sources" "see: apt-get indextargets"
    echo "${uri%/}"
}

# foreign_apt FOLDER SUITE ARCHITECTURE: makes an apt state of its own in FOLDER and points APT_CONFIG at it. Nothing is
# installed in it, so its resolver gives whole closures. The user's proxy and credentials are honoured, the sources are not touched.
foreign_apt() {
    local folder=$1 suite=$2 architecture=$3 mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
    mirror=$(unset APT_CONFIG && debian_mirror)
    mkdir -p "$folder"/{etc/apt.conf.d,etc/preferences.d,etc/sources.list.d,lists/partial,cache/archives/partial}
    : >"$folder/status"
    echo "deb [signed-by=$keys] $mirror $suite main" >"$folder/etc/sources.list"
    {
        (unset APT_CONFIG && apt-config dump) | grep -E '^Acquire::(http|https|ftp|Retries)' || true
        cat <<END
Dir::Etc "$folder/etc";
Dir::Etc::sourcelist "$folder/etc/sources.list";
Dir::Etc::sourceparts "$folder/etc/sources.list.d";
Dir::Etc::preferencesparts "$folder/etc/preferences.d";
Dir::Etc::parts "$folder/etc/apt.conf.d";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
Dir::State::lists "$folder/lists";
Dir::State::status "$folder/status";
Dir::Cache "$folder/cache";
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
// An archive that serves a frozen copy of a suite has a release file past its date; its signature is still checked.
Acquire::Check-Valid-Until "false";
END
    } >"$folder/apt.conf"
    export APT_CONFIG=$folder/apt.conf
    apt-get -q update
}

# foreign_closure PACKAGE…: NAME=VERSION of the packages and of all that they depend on.
foreign_closure() {
    apt-get -s -o Debug::NoLocking=1 install --no-install-recommends "$@" |
        awk '$1 == "Inst" { sub(/^\(/, "", $3); print $2 "=" $3 }'
}

# foreign_download FOLDER NAME=VERSION…
foreign_download() {
    mkdir -p "$1"
    (cd "$1" && apt-get -q download "${@:2}")
}

# --- Swift

# run_swift ARGUMENT…: swift with a home folder in the cache, because SwiftPM and clang keep state in several places there and the
# user's own is not to be written to. Git's configuration stays the user's.
run_swift() {
    local home=$MARTLET_CACHE/home
    mkdir -p "$home"
    env -u XDG_CACHE_HOME -u XDG_CONFIG_HOME -u XDG_DATA_HOME HOME="$home" CFFIXED_USER_HOME="$home" \
        GIT_CONFIG_GLOBAL="${GIT_CONFIG_GLOBAL:-$HOME/.gitconfig}" swift "$@"
}

need_swift() {
    command -v swift >/dev/null ||
        die "swift is not on the PATH" "install Swift 6.2 or later: https://www.swift.org/install/linux/"
}
