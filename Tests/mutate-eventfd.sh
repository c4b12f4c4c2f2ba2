#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Breaks each rule of the eventfd state machine in turn, in its source, and shows that the property test notices.
# Usage: mutate-eventfd.sh [PART OF A MUTANT'S NAME]   (needs swiftc; about 3 seconds for each mutant)
set -eu
only=${1-}
here=$(cd "$(dirname "$0")" && pwd)
sources=$here/../Sources/Passthrough/Interrupts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$sources/InterruptCounters.swift" "$here/PassthroughTests/EventFDReference.swift" "$work"
cat >"$work/main.swift" <<'END'
let (failure, events) = EventFDProperty.run(seed: 1, events: 300_000)
print(failure.map { "caught after \(events) events: \($0)" } ?? "SURVIVED \(events) events")
END

# The values that the machine shares with the configuration.
(cd "$work" && swiftc -O -wmo -swift-version 6 -parse-as-library -emit-module -module-name DeviceOptions -c \
    -o DeviceOptions.o "$here"/../Sources/DeviceOptions/*.swift)

# Builds the machine in $1 and prints the property test's verdict.
judge() {
    cp "$1" "$work/EventFDStateMachine.swift"
    (cd "$work" && swiftc -O -swift-version 6 -enable-upcoming-feature InternalImportsByDefault -I . DeviceOptions.o \
        EventFDStateMachine.swift InterruptCounters.swift EventFDReference.swift main.swift -o property &&
        ./property) 2>&1 | cut -c -150
}

printf 'as it is: '
verdict=$(judge "$sources/EventFDStateMachine.swift")
echo "$verdict"
case $verdict in SURVIVED*) ;; *) exit 1 ;; esac

status=0
count=0
# Each line of the table: what is broken | a sed script that breaks it.
while IFS='|' read -r name script; do
    case $name in *"$only"*) ;; *) continue ;; esac
    count=$((count + 1))
    sed "$script" "$sources/EventFDStateMachine.swift" >"$work/mutant"
    if cmp -s "$work/mutant" "$sources/EventFDStateMachine.swift"; then
        echo "$name: the script changes nothing"
        status=1
        continue
    fi
    verdict=$(judge "$work/mutant")
    echo "$name: $verdict"
    case $verdict in caught*) ;; *) status=1 ;; esac
done <<'END'
an edge that comes again while active is lost|s/ || (active == line \&\& lines\[line\].isLevel)/ || active == line/
a level line that comes again while active is queued|s/ || (active == line \&\& lines\[line\].isLevel)//
a waiting line is queued again|s/if lines\[line\].isQueued || (active/if (active/
two are active at once|s/if active == nil, queue.isEmpty, take/if active == nil || queue.isEmpty, take/
the newest goes first|s/queue.removeFirst()/queue.removeLast()/
the next one isn't activated|s/guard !queue.isEmpty else { return }/guard queue.count > 1 else { return }/
the regions stay mapped while one is active|s/guard perform(.unmap) else {/guard true else {/
the regions count as mapped after unmapping|s/^        isMapped = false$//
raised before the regions are unmapped|s/queue.isEmpty, takeRegions(perform) { return activate(line, perform) }/queue.isEmpty { activate(line, perform); _ = takeRegions(perform); return }/
the line isn't raised|s/^        _ = perform(.raise(line))//
the line isn't lowered|s/^        _ = perform(.lower(line))//
lowered by an access while nothing is active|s/guard let line = active else { return }/guard let line = active else { _ = perform(.lower(0)); return }/
the active one stays active after its end|s/^        active = nil//
no unmask at the end|s/^        if lines\[line\].isLevel { _ = perform(.unmask(line)) }//
unmask of an edge|s/if lines\[line\].isLevel { _ = perform(.unmask(line)) }/_ = perform(.unmask(line))/
two unmasks for an end|s/if lines\[line\].isLevel { _ = perform(.unmask(line)) }/if lines[line].isLevel { _ = perform(.unmask(line)); _ = perform(.unmask(line)) }/
unmask before the line is lowered|s/^        _ = perform(.lower(line))//;s/if lines\[line\].isLevel { _ = perform(.unmask(line)) }/if lines[line].isLevel { _ = perform(.unmask(line)) }; _ = perform(.lower(line))/
unmask when the interrupt starts|s/^        _ = perform(.raise(line))/        _ = perform(.raise(line)); if lines[line].isLevel { _ = perform(.unmask(line)) }/
an activation doesn't arm the timer|s/^            _ = perform(.armTimer)$//
the timer isn't known to be armed|/func activate(/,/^    }/s/^            isTimerArmed = true//
the timer runs though the time-out is 0|s/if mapsAgain, unmapCount > 0/if unmapCount > 0/
the timer runs without mapped regions|s/if mapsAgain, unmapCount > 0/if mapsAgain/
the timer maps while one is active|s/        if active != nil {/        if active != nil, queue.count > 2 {/
the timer, expired while one is active, stays off|/^        if active != nil {/,/^        }/s/_ = perform(.armTimer)/isTimerArmed = false/
the timer maps once only|s/^        isTimerArmed = false$/        isTimerArmed = false; if mapCount > 0 { return }/
the timer doesn't map|s/^        _ = perform(.map)//
a timer that isn't armed maps|s/guard isTimerArmed else { return }//
raised though the regions could not be unmapped|s/^            return false$/            return true/
a refused unmapping counts as done|s/guard perform(.unmap) else {/isMapped = false; guard perform(.unmap) else {/
a refused unmapping isn't tried again|s/^            _ = perform(.armRetry)//
the retry isn't known to be armed|/func takeRegions(/,/^    }/s/^            isTimerArmed = true//
the retry comes as late as the mapping|s/perform(.armRetry)/perform(.armTimer)/
a retry unmaps and raises nothing|s/if takeRegions(perform) { activateNext(perform) }/_ = takeRegions(perform)/
a retry doesn't unmap|s/if takeRegions(perform) { activateNext(perform) }/activateNext(perform)/
the timer maps though interrupts wait for the regions|s/guard queue.isEmpty else {/guard queue.count < 3 else {/
one overtakes those that wait for the regions|s/if active == nil, queue.isEmpty, take/if active == nil, take/
any access ends, whatever the range|s/if let endOfInterrupt, !endOfInterrupt.overlaps(region: region, offset: offset, length: length) { return }//
any region ends, whatever the range|s/guard region == self.region, length > 0 else/guard length > 0 else/
an access that begins before the range doesn't end|s/offset < self.offset ? self.offset - offset < length/offset < self.offset ? false/
an access beside the range ends|s/offset - self.offset < self.length/offset - self.offset <= self.length/
an access up to the range ends|s/self.offset - offset < length/self.offset - offset <= length/
merged signals aren't counted|s/lines\[line\].counters.coalesced &+= count - 1//
END
echo "$count mutants, $([ $status = 0 ] && echo all caught || echo NOT ALL CAUGHT)"
exit $status
