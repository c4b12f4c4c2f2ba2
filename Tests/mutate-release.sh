#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# "make mutate-release": changes each explicit order of release in turn, in a copy of the sources, and shows that the unit
# tests notice. A mutant that survives is an order that no test holds.
# Usage: mutate-release.sh [PART OF A MUTANT'S NAME]   (about a minute for each mutant, on two cores)
# MARTLET_MUTANTS: where the copy is built and kept for the next run (default: .build/mutants).

source "$(dirname "$0")/../guest-images/lib.sh"
need_swift
only=${1-}
root=$ROOT
copy=${MARTLET_MUTANTS:-$root/.build/mutants}
mkdir -p "$copy"

# What the tests of each module that is changed are to notice.
tests='^(LinuxSystem|GuestMemory|KVM|VFIO|Virtio|Devices|Passthrough|Machine)Tests\.'
tests+='.*(Ownership|ReleaseOrder|Sweep|PhysicalMemory|IdentityMemory|MemorySlot|Connection|Placement|DMA|BoardDevice|BlockDevice|Drive)'

# Brings the copy up to date; files that are the same keep their times, so that little is built anew.
refresh() {
    local name
    while IFS= read -r name; do
        [[ -e $root/$name ]] || rm "$copy/$name"
    done < <(cd "$copy" && find Sources Tests -type f 2>/dev/null)
    while IFS= read -r name; do
        cmp -s "$root/$name" "$copy/$name" && continue
        mkdir -p "$(dirname "$copy/$name")"
        cp "$root/$name" "$copy/$name"
    done < <(cd "$root" && find Package.swift Sources Tests -type f)
    [[ ! -e $root/Package.resolved ]] || cp "$root/Package.resolved" "$copy"
}

# Builds the copy and runs the tests; prints "passed", or the first test that failed, or why it doesn't build.
judge() {
    if ! run_swift build --package-path "$copy" --build-tests >"$copy/log" 2>&1; then
        echo "DOESN'T BUILD: $(grep -m 1 'error:' "$copy/log")"
        return
    fi
    if run_swift test --package-path "$copy" --skip-build --disable-xctest --filter "$tests" >"$copy/log" 2>&1; then
        echo passed
    else
        echo "caught: $({ grep -m 1 -o 'Test .* recorded an issue' "$copy/log" || tail -n 1 "$copy/log"; } | cut -c -90)"
    fi
}

refresh
printf 'as it is: '
verdict=$(judge)
echo "$verdict"
[[ $verdict == passed ]] || exit 1

status=0
count=0
# Each line of the table: what is broken | the file | a sed script that breaks it.
while IFS='|' read -r name file script; do
    case $name in *"$only"*) ;; *) continue ;; esac
    count=$((count + 1))
    sed "$script" "$root/Sources/$file" >"$copy/Sources/$file"
    if cmp -s "$root/Sources/$file" "$copy/Sources/$file"; then
        echo "$name: the script changes nothing"
        status=1
        continue
    fi
    verdict=$(judge)
    [[ $verdict != passed ]] || verdict=SURVIVED
    echo "$name: $verdict"
    case $verdict in caught*) ;; *) status=1 ;; esac
    cp "$root/Sources/$file" "$copy/Sources/$file"
done <<'END'
a list lets go of the oldest first|LinuxSystem/ResourceStack.swift|s/{ \$0.popLast() }/{ $0.isEmpty ? nil : $0.removeFirst() }/
a list's end lets go of the oldest first|LinuxSystem/ResourceStack.swift|s/    @inlinable deinit { releaseAll() }//
a descriptor isn't closed by its owner's end|LinuxSystem/OwnedDescriptor.swift|s/    deinit { close() }//
a descriptor is closed twice|LinuxSystem/OwnedDescriptor.swift|s/guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }//
the loop's poll goes before what wakes it|LinuxSystem/Events/EventLoop.swift|/^    deinit/,/^    }/{s/^        epoll.close()//;s/^        wakeUp.close()/        epoll.close(); wakeUp.close()/}
the loop's poll watches what is closed|LinuxSystem/Events/EventLoop.swift|/^    deinit/,/^    }/s/^        system.unwatch.*//
a source's end doesn't stop it|LinuxSystem/Events/EventSource.swift|s/    deinit { stop() }//
the VM goes before its interrupt controller|KVM/InterruptController.swift|s/deinit { descriptor.close() }//
the VM goes before its VFIO device|KVM/VFIOLink.swift|s/deinit { descriptor.close() }//
the vCPU is closed before its state is unmapped|KVM/VirtualCPU.swift|/^    deinit/,/^    }/{s/state.release()/XX/;s/descriptor.close()/state.release()/;s/XX/descriptor.close()/}
the VM goes before its vCPU|KVM/VirtualCPU.swift|/^    deinit/,/^    }/s/descriptor.close()//
the hypervisor goes before the VM|KVM/VirtualMachine.swift|/^    deinit/,/^    }/s/descriptor.close()//
what is left over goes before the VM|KVM/VirtualMachine.swift|/^    deinit/,/^    }/{s/descriptor.close()/XX/;s/leftovers.releaseAll()/descriptor.close()/;s/XX/leftovers.releaseAll()/}
the hypervisor goes before what is left over|KVM/VirtualMachine.swift|/^    deinit/,/^    }/s/leftovers.releaseAll()//
the memory goes before its slot|KVM/MemorySlot.swift|/^    deinit/,/^    }/{s/^        mapping.release()//;s/do { try remove/mapping.release(); do { try remove/}
the VM goes before a slot's memory|KVM/MemorySlot.swift|/^    deinit/,/^    }/s/^        mapping.release()//
a route's trigger goes before its resamplefd|KVM/InterruptRoute.swift|/^    deinit/,/^    }/{s/^        resample.release()//;s/^        trigger.release()/        trigger.release(); resample.release()/}
a route's eventfds go before it|KVM/InterruptRoute.swift|/^    deinit/,/^    }/{s/^        trigger.release()//;s/^        resample.release()//;s/^        if isSet/        resample.release(); trigger.release(); if isSet/}
the VM goes before a route's eventfds|KVM/InterruptRoute.swift|/^    deinit/,/^    }/{s/^        trigger.release()//;s/^        resample.release()//}
an ioeventfd's event goes before it|KVM/IOEvent.swift|/^    deinit/,/^    }/{s/^        event.release()//;s/^        if isSet/        event.release(); if isSet/}
the VM goes before an ioeventfd's event|KVM/IOEvent.swift|/^    deinit/,/^    }/s/^        event.release()//
the device goes before its mapped region|VFIO/Device/VFIORegionMapping.swift|s/deinit { mapped.release() }//
the group goes before its device|VFIO/Device/VFIODeviceFile.swift|/^    deinit/,/^    }/s/^        descriptor.close()//
the container goes before its group|VFIO/Container/VFIOGroup.swift|/^    deinit/,/^    }/s/^        descriptor.close()//
the group is closed before it leaves the container|VFIO/Container/VFIOGroup.swift|/^    deinit/,/^    }/{s/^        descriptor.close()//;s/^        if state.with/        descriptor.close(); if state.with/}
the eventfd goes before its wiring|VFIO/Container/VFIOWiring.swift|/^    deinit/,/^    }/{s/^        event.release()//;s/^        try? file/        event.release(); try? file/}
the device goes before a wiring's eventfd|VFIO/Container/VFIOWiring.swift|/^    deinit/,/^    }/s/^        event.release()//
the memory goes before its DMA mapping|VFIO/Container/VFIODMAMapping.swift|/^    deinit/,/^    }/{s/^        memory.release()//;s/^        switch space/        memory.release(); switch space/}
the groups go before the memory|VFIO/Container/VFIODMAMapping.swift|/^    deinit/,/^    }/{s/memory.release()/XX/;s/groups.releaseAll()/memory.release()/;s/XX/groups.releaseAll()/}
what the memory is mapped in goes before it|VFIO/Container/VFIODMAMapping.swift|/^    deinit/,/^    }/{s/^        memory.release()//;s/^        groups.releaseAll()//}
the loop goes before the timer|Devices/ClockTimer.swift|/^    deinit/,/^    }/s/^        timer.release()//
the pin goes before the memory|GuestMemory/PhysicalMemory.swift|/^    public func close/,/^    }/{s/list.releaseAll()/XX/;s/pin.release()/list.releaseAll()/;s/XX/pin.release()/}
the kernel's log is closed after the devices|Passthrough/Placement/OpenDevices.swift|/^    public func close/,/^    }/{s/^        if case .success.*//;s/^        containers.close()/        containers.close(); if case .success(let log)? = faultLog { log.close() }/}
the oldest region goes first|Passthrough/Regions/MappedRegions.swift|/^    func release/,/^    }/{s/pieces\[pieces.count - 1\]/pieces[0]/;s/removeLast/removeFirst/}
the regions go before the paths|Passthrough/Connection/ConnectedDevice.swift|/^    \/\/\/ The share of the device/,/^    }/{s/^        regions.release()//;s/^        for path/        regions.release(); for path/}
the regions go before the paths of a device that fails|Passthrough/Connection/ConnectedDevice.swift|/Before the regions/,/throw error/{s/^            regions.release()//;s/^            for path/            regions.release(); for path/}
the oldest path goes first|Passthrough/Connection/ConnectedDevice.swift|/^    \/\/\/ The share of the device/,/^    }/s/paths.reversed()/paths/
what the devices share goes before their resets|Passthrough/Connection/ConnectedDevices.swift|/^    deinit/,/^    }/{s/^        silence()//;s/^            state.stack.releaseAll()/            for one in state.connections { one.quiesce() }/;s/^            state.connections = \[\]/            state.stack.releaseAll()/}
the RAM goes before the devices that write to it|Machine/Plan/MachinePlan.swift|/^    deinit/,/^    }/{s/passthrough.close()/XX/;s/identity?.close()/passthrough.close()/;s/XX/identity?.close()/}
KVM goes before the RAM|Machine/Plan/MachinePlan.swift|/^    deinit/,/^    }/{s/identity?.close()/XX/;s/hypervisor.release()/identity?.close()/;s/XX/hypervisor.release()/}
the boot's files go after the devices|Machine/Plan/MachinePlan.swift|/^    deinit/,/^    }/{s/^        bootFiles.*//;s/passthrough.close()/passthrough.close(); bootFiles.withLock { $0.take() }?.close()/}
KVM goes before the drives|Machine/Plan/MachinePlan.swift|/^    deinit/,/^    }/{s/ drives.close()/ XX/;s/hypervisor.release()/drives.close()/;s/XX/hypervisor.release()/}
the oldest drive goes first|Machine/Plan/OpenDrives.swift|/Closes them, newest/,/^}/s/files.reversed()/files/
a virtio device's wires go before its threads|Virtio/Device/LiveVirtioDevice.swift|/^    deinit/,/^    }/{s/registers.end()/XX/;s/resources.releaseAll()/registers.end()/;s/XX/resources.releaseAll()/}
a virtio device's eventfds are shared by its registers|Virtio/Device/VirtioRegisters.swift|/^    func end/,/^    }/s/^        interrupt.release()//
the kernel's file goes before the initrd's|Machine/Boot/BootFile.swift|/^    \/\/\/ Closes them/,/^    }/{s/initrd?.close()/XX/;s/kernel.close()/initrd?.close()/;s/XX/kernel.close()/}
the page map goes before the pin|GuestMemory/PhysicalMemory.swift|/^    public func close/,/^    }/{s/pin.release()/XX/;s/map.close()/pin.release()/;s/XX/map.close()/}
the interrupts' counts go before the devices|Passthrough/Placement/OpenDevices.swift|/^    public func close/,/^    }/{s/^        interruptFile?.close()//;s/^        list.releaseAll()/        interruptFile?.close(); list.releaseAll()/}
a machine's parts go after what they are made of|Machine/Run/MicroVM.swift|/^    private func release/,/^    }/s/parts.withLock { $0 = nil }//
the RAM goes before the devices of a plan that fails|Machine/Plan/MachinePlan.swift|/^        defer {/,/^        }/{s/^                memory?.close()//;s/placed?.close()/memory?.close(); placed?.close()/}
END
echo "$count mutants, $([ $status = 0 ] && echo all caught || echo NOT ALL CAUGHT)"
exit $status
