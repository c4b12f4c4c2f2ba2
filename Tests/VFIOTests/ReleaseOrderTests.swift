// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing
import VFIO

/// Each part of a device, where it alone keeps what it stands on: it goes first, then what is older.
@Suite struct ReleaseOrderTests {
    enum Part: CaseIterable, Sendable { case device, region, trigger, unmask, memory, memoryOfTwoGroups }

    private func make(_ part: Part, _ kernel: FakeKernel) throws -> AnyObject {
        let containers = VFIOContainers(calls: kernel)
        let device = try containers.open(try HostDevice(host: "dev", sysfs: Sysfs(system: kernel)))
        switch part {
        case .device: return device
        case .region: return try device.map(device.regions[0])
        case .trigger: return try device.setTrigger(device.interrupts[0], try EventDescriptor(of: kernel))
        case .unmask: return try device.setUnmask(device.interrupts[0], try EventDescriptor(of: kernel))
        case .memory, .memoryOfTwoGroups:
            // The mapping keeps the groups and no device.
            let second =
                part == .memory
                ? nil : try containers.open(try HostDevice(host: "other", sysfs: Sysfs(system: kernel)))
            return try withExtendedLifetime((device, second)) {
                let memory = try MemoryMapping(of: 0, size: 0x10000, system: kernel)
                return try #require(containers.guestSpaces.first).map(memory, part: 0..<0x10000, iova: 0x8000_0000)
            }
        }
    }

    private func makeKernel(hasFile: Bool) -> FakeKernel {
        let kernel = FakeKernel()
        for (name, group) in [("dev", 7), ("other", 8)] {
            kernel.addHostDevice(
                name, group: group, vfio: FakeVFIODevice(interrupts: [.level]), file: hasFile ? group : nil)
        }
        return kernel
    }

    @Test(arguments: Part.allCases, [false, true])
    func `goes before what it stands on`(part: Part, hasFile: Bool) throws {
        let kernel = makeKernel(hasFile: hasFile)
        var object: AnyObject? = try make(part, kernel)
        // The devices whose groups a DMA mapping keeps have gone out of their turn.
        let before = kernel.journal.count
        let held = kernel.held
        withExtendedLifetime(object) { #expect(held.count > 1) }
        object = nil
        #expect(kernel.held.isEmpty)
        let released = kernel.journal[before...].compactMap { event in
            if case .release(let what) = event { what } else { nil }
        }
        #expect(released == held.reversed())
    }
}
