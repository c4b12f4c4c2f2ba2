#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make test": the unit tests in place, then the integration tests on an ARM host: this one, or else an emulated one; then,
# where the host is emulated, the commands that the documentation prints (commands/test.sh).
#
# usage: test.sh [--unit | --integration | --commands] [--filter REGEX]
# With a filter, which is one of Swift tests, the documentation's commands are left out.
# Fails if a test fails, if a suite is empty, or if an integration test is skipped in the emulated host, where nothing may be.
# MARTLET_TEST_LIMIT: seconds for the integration tests in one emulated host (default 1500).

source "$(dirname "$0")/lib.sh"

unit=1 integration=1 commands=1 filter=
while (($# > 0)); do
    case $1 in
    --unit) integration= commands= ;;
    --integration) unit= commands= ;;
    --commands) unit= integration= ;;
    --filter)
        filter=${2:?--filter needs a value}
        shift
        ;;
    *) die "unknown option $1" "see the head of $0" ;;
    esac
    shift
done
limit=${MARTLET_TEST_LIMIT:-1500}
need_swift
need_build_packages
temporary_folder work

summary=() passed_total=0 failed_total=0 skipped_total=0 bad=0

# count FILE: passed, failed and skipped of Swift Testing's xUnit file, counted by test case (its own attributes count issues,
# and leave skipped tests out); nothing if the file isn't whole.
count() {
    grep -q '</testsuites>' "$1" 2>/dev/null || return 0
    awk '/<testcase / { total++; failing = 0 }
        /<failure/ && !failing { failed++; failing = 1 }
        /<skipped/ { skipped++ }
        END { print total - failed - skipped, failed + 0, skipped + 0 }' "$1"
}

# tally TITLE XUNIT STATUS SKIPS-ALLOWED: adds one run to the summary and judges it.
tally() {
    local title=$1 passed='' failed='' skipped=''
    read -r passed failed skipped < <(count "$2") || true
    if [[ -z $passed ]]; then
        summary+=("$title: did not finish (status $3)")
        bad=1
        return
    fi
    summary+=("$title: $passed passed, $failed failed, $skipped skipped")
    passed_total=$((passed_total + passed))
    failed_total=$((failed_total + failed))
    skipped_total=$((skipped_total + skipped))
    # Without a test the status is one of failure, too; with a filter that is as it should be for one host of two.
    if ((passed + failed + skipped == 0)); then
        [[ -z $filter ]] || return 0
        summary+=("  a run without a test counts as a failure")
        bad=1
    fi
    if (($3 != 0 || failed != 0)); then bad=1; fi
    if ((skipped != 0)) && [[ $4 == no ]]; then
        summary+=("  no integration test may be skipped in the emulated host")
        bad=1
    fi
}

# unfinished LOG: the tests that began in LOG and did not end.
unfinished() {
    awk '/Test (case|run) / { next }
        /Test .* started\.$/ { sub(/^.*Test /, ""); sub(/ started\.$/, ""); running[$0] = 1 }
        /Test .* (passed|failed) after / {
            sub(/^.*Test /, ""); sub(/ (passed|failed) after .*/, ""); sub(/ with [0-9]+ test cases?$/, ""); delete running[$0]
        }
        END { for (test in running) print "  cut off in: " test }' "$1"
}

build_tests() {
    say "unit tests" "building (log: $MARTLET_CACHE/log/unit-tests.log)"
    logged unit-tests run_swift build --build-tests --package-path "$ROOT" --scratch-path "$ROOT/.build"
}

# in_place TITLE ARGUMENT…: swift test here.
in_place() {
    local status=0 title=$1
    shift
    run_swift test --skip-build --package-path "$ROOT" --scratch-path "$ROOT/.build" --disable-xctest \
        --xunit-output "$work/$title.xml" "$@" || status=$?
    tally "$title tests ($HOST_ARCH, in place)" "$work/$title.xml" "$status" yes
}

# emulated HOST: the integration tests that belong to that host: gicv3, gicv2, gibibyte, which has a page of 1 GiB, or
# pages16 and pages64, whose pages have so many KiB.
emulated() {
    # A pattern that matches a suite takes all that is in it, so what isn't wanted there has to be skipped by name.
    local host=$1 variant=$1 status=0 options=() arguments="cma=160M" which
    case $host in
    gicv3)
        options=(--devices)
        which="--filter '^IntegrationTests\\..*($filter)' --skip GICv2 --skip '1 GiB' --skip PageSize"
        ;;
    gicv2) which="--filter '^IntegrationTests\\.(?=.*GICv2).*($filter)'" ;;
    gibibyte)
        # Beside the page as much memory as the host has by default.
        variant=gicv3 options=(--devices --memory 3072) arguments+=" hugepagesz=1G hugepages=1"
        which="--filter '^IntegrationTests\\.(?=.*1 GiB).*($filter)'"
        ;;
    pages*)
        # The smallest huge page that this host can make of contiguous memory is of 512 MiB where its pages have 64 KiB.
        variant=gicv3 options=(--devices --memory 3072 --pages "${host#pages}") arguments="cma=512M"
        which="--filter '^IntegrationTests\\.(?=.*(PageSize|IdentityTests.*(disk on huge pages|disk in a heap))).*($filter)'"
        ;;
    esac
    # What is run and read over and over goes into the host's memory: of a file in the share nothing stays cached once it is closed.
    cat >"$work/run.sh" <<END
mkdir /tmp/martlet && cp -r martlet configs guest-images /tmp/martlet || exit 1
export LD_LIBRARY_PATH=/martlet/lib MARTLET=/tmp/martlet/martlet MARTLET_IMAGES=/tmp/martlet/guest-images/build
export MARTLET_CONFIGS=/tmp/martlet/configs MARTLET_TEST_HOST=emulated-$variant NO_COLOR=1 MARTLET_BLOBS=/martlet/blobs
export MARTLET_DEVICE_FILES=/martlet/devices MARTLET_MODULES=/martlet/modules
exec ./martletPackageTests.xctest --testing-library swift-testing --no-parallel \\
    $which --xunit-output /martlet/results.xml
END
    rm -rf "$share/results.xml" "$share/blobs"
    mkdir "$share/blobs"
    say "integration tests" "emulated ARM host, $host"
    # Contiguous memory for a guest that is to be where the host has it.
    KERNEL_ARGS="${KERNEL_ARGS:-} $arguments" "$GUEST_IMAGES/arm-host/boot.sh" --variant "$variant" --share "$share" --run "$work/run.sh" --limit "$limit" \
        --log "$work/$host.log" "${options[@]}" || status=$?
    ((status < 124)) || summary+=("$(unfinished "$work/$host.log")")
    tally "integration tests (emulated ARM host, $host)" "$share/results.xml" "$status" no
    if [[ $host == gicv* ]]; then device_trees "$host"; fi
}

# device_trees VARIANT: the blobs that the tests left, since the emulated host has no dtc: it must not have a word to say.
device_trees() {
    local blob messages passed=0 failed=0
    for blob in "$share"/blobs/*.dtb; do
        if messages=$(dtc -I dtb -O dts -o /dev/null "$blob" 2>&1) &&
            [[ -z $messages ]]; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            printf '%s: %s\n' "${blob##*/}" "$messages"
        fi
    done
    summary+=("device trees of the examples under dtc ($1): $passed passed, $failed failed")
    passed_total=$((passed_total + passed))
    failed_total=$((failed_total + failed))
    if ((failed != 0)) || [[ $passed == 0 && -z $filter ]]; then bad=1; fi
}

# prepare_dt_validate: for the tests that hold generated device trees against the kernel's bindings, and configurations against
# their schema: jsonschema comes with dtschema.
prepare_dt_validate() {
    local status=0
    MARTLET_DT_VALIDATE=$("$GUEST_IMAGES/dt-validate/build.sh") || status=$?
    export MARTLET_DT_VALIDATE
    ((status != 75)) || summary+=("device trees and configurations under their schemas: skipped, for PyPI can't be reached")
    ((status == 0 || status == 75)) || bad=1
}

# tally_check STATUS WHOLE UNCHECKED BROKEN: adds a check to the summary, in the words for status 0, for 75, or for any
# other.
tally_check() {
    case $1 in
    0)
        summary+=("$2")
        passed_total=$((passed_total + 1))
        ;;
    75) summary+=("$3") ;;
    *)
        summary+=("$4")
        failed_total=$((failed_total + 1))
        bad=1
        ;;
    esac
}

# check_bindings: whether the list of properties that refer to nodes is what the kernel's bindings say.
check_bindings() {
    local status=0
    "$GUEST_IMAGES/bindings/build.sh" --check >/dev/null || status=$?
    local title="properties that refer to nodes"
    tally_check "$status" "$title: the list is what the kernel's bindings say" \
        "$title: the list is from another kernel's bindings; make bindings renews it" \
        "$title: the list differs from the kernel's bindings; make bindings renews it"
}

# check_documentation: whether the modules' pages and the comments of their public declarations hold together.
check_documentation() {
    local status=0
    "$ROOT/lint/documentation.sh" "$work/documentation" || status=$?
    local title="documentation of the modules"
    tally_check "$status" "$title: whole" "$title: not checked, for this toolchain has no docc" "$title: see above"
}

if [[ -n $unit ]]; then
    [[ -n $filter ]] || check_bindings
    [[ -n $filter && $filter != *Schema* ]] || prepare_dt_validate
    build_tests
    say "unit tests" "$HOST_ARCH, in place"
    in_place unit --skip '^IntegrationTests\.' ${filter:+--filter "$filter"}
    [[ -n $filter ]] || check_documentation
fi
if [[ -n $integration ]]; then
    if [[ $HOST_ARCH == aarch64 ]]; then
        "$GUEST_IMAGES/build.sh"
        MARTLET=$("$GUEST_IMAGES/toolchain/martlet.sh")
        [[ -n $unit ]] || build_tests
        export MARTLET MARTLET_IMAGES=$IMAGES MARTLET_CONFIGS=$ROOT/configs MARTLET_TEST_HOST=native
        in_place integration --no-parallel --filter "^IntegrationTests\\..*($filter)"
    else
        temporary_folder share
        "$GUEST_IMAGES/arm-host/share.sh" "$share"
        tests=$(MARTLET_QUIET=1 "$GUEST_IMAGES/toolchain/test-bundle.sh")
        cp -r --reflink=auto "$tests/." "$share/"
        emulated gicv3
        emulated gicv2
        emulated gibibyte
        for size in 16 64; do
            # Guests with pages of either size run on each host.
            cp --reflink=auto "$(MARTLET_QUIET=1 "$GUEST_IMAGES/kernel/build.sh" --pages "$size")/Image" \
                "$share/guest-images/build/Image-$size"
        done
        emulated pages16
        emulated pages64
    fi
fi
if [[ -n $commands && -z $filter ]]; then
    title="the documentation's commands"
    if [[ $HOST_ARCH == x86_64 ]]; then
        status=0
        say "$title" "here and at the shell of the emulated ARM host"
        "$GUEST_IMAGES/commands/test.sh" "$work/commands.xml" || status=$?
        tally "$title" "$work/commands.xml" "$status" yes
    else
        summary+=("$title: skipped, for the emulated host needs an x86-64 machine")
    fi
fi

if ((passed_total + failed_total == 0)); then bad=1; fi
echo
printf '%s\n' "${summary[@]}"
echo "$passed_total passed, $failed_total failed, $skipped_total skipped"
exit "$bad"
