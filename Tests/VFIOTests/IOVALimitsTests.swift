// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import HostDevices
import KernelFakes
import LinuxSystem
import Testing

@testable import VFIO

/// What an address space can map, as the kernel tells it.
@Suite struct IOVALimitsTests {
    private let kernel = FakeKernel()

    private func range(_ first: UInt64, _ last: UInt64) -> IOVARange { IOVARange(first: first, last: last) }

    @Test(arguments: [nil, 0]) func `an address space says what can be mapped`(file: Int?) throws {
        kernel.addHostDevice("a", group: 3, file: file)
        let usable = [range(0, 0x7FF_FFFF), range(0x810_0000, 0xFFFF_FFFF)]
        kernel.withState { $0.vfio.usableRanges = usable }
        let device = try VFIOContainers(calls: kernel).open(
            try HostDevice(host: "a", sysfs: Sysfs(system: kernel)))
        // An iommufd has no limit of its own.
        #expect(
            try device.addressSpace.limits() == IOVALimits(usable: usable, mappingsLeft: file == nil ? 65535 : nil))
    }

    @Test func `what the kernel does not say is not known`() {
        #expect(IOVALimits(iommuInfo: FakeKernel.iommuInfo(nil, nil)) == IOVALimits())
        #expect(IOVALimits(iommuInfo: FakeKernel.iommuInfo(nil, 7)) == IOVALimits(mappingsLeft: 7))
        #expect(IOVALimits(iommuInfo: []) == IOVALimits())
    }

    /// Every byte of a good answer replaced by values that lead elsewhere: no trap and no endless walk.
    @Test func `an answer that makes no sense is survived`() {
        let good = FakeKernel.iommuInfo([range(0, 1), range(4, 9)], 3)
        for index in good.indices {
            for value: UInt8 in [0, 1, 24, 0x7F, 0x80, 0xFF] {
                var bytes = good
                bytes[index] = value
                _ = IOVALimits(iommuInfo: bytes)
            }
            _ = IOVALimits(iommuInfo: Array(good.prefix(index)))
        }
    }

    @Test func `the first gap is found`() {
        let limits = IOVALimits(usable: [range(0x1000, 0x1FFF), range(0x3000, 0x5FFF), range(0x6000, .max)])
        #expect(limits.gap(in: range(0x1000, 0x1FFF)) == nil)
        #expect(limits.gap(in: range(0x3000, 0x9FFF)) == nil)
        #expect(limits.gap(in: range(0x4000, .max)) == nil)
        #expect(limits.gap(in: range(0, 0x1FFF)) == range(0, 0xFFF))
        #expect(limits.gap(in: range(0x1800, 0x4000)) == range(0x2000, 0x2FFF))
        #expect(limits.gap(in: range(0x2800, 0x2900)) == range(0x2800, 0x2FFF))
        #expect(IOVALimits(usable: []).gap(in: range(5, 6)) == range(5, .max))
        #expect(IOVALimits(usable: [range(0, 9)]).gap(in: range(5, 20)) == range(10, .max))
        #expect(IOVALimits().gap(in: range(0, .max)) == nil)
    }

    // MARK: Reserved regions

    @Test func `reserved regions are read with the group`() throws {
        kernel.addHostDevice("a", group: 3)
        kernel.addFile(
            "/sys/kernel/iommu_groups/3/reserved_regions",
            "0x0000000008000000 0x00000000080fffff msi\n0x00000000f0000000 0x00000000f0000fff direct-relaxable\n")
        let group = try #require(try HostDevice(host: "a", sysfs: Sysfs(system: kernel)).group)
        #expect(
            group.reserved == [
                ReservedRegion(range: range(0x800_0000, 0x80F_FFFF), kind: "msi", group: 3),
                ReservedRegion(range: range(0xF000_0000, 0xF000_0FFF), kind: "direct-relaxable", group: 3),
            ])
        #expect(group.reserved.map(\.isBinding) == [true, false])
    }

    @Test(arguments: ["0x1 0x2", "1 2 msi", "0x2 0x1 msi", "0x1 0xg msi", "0x1 0x2 msi more"])
    func `regions that make no sense are an error`(line: String) {
        kernel.addHostDevice("a", group: 3)
        kernel.addFile("/sys/kernel/iommu_groups/3/reserved_regions", line + "\n")
        let error = #expect(throws: HostDeviceError.self) { try HostDevice(host: "a", sysfs: Sysfs(system: kernel)) }
        #expect(
            error
                == .malformedSysfs(
                    device: "a", path: "/sys/kernel/iommu_groups/3/reserved_regions", content: line))
    }
}
