// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import HostDevices
import KernelFakes
import LinuxSystem
import Passthrough
import PlatformBus
import Testing
import VFIO

@testable import Machine

/// Where RAM goes for the sake of devices' DMA, and what stands in the way.
@Suite struct MemoryPlacementTests {
    private let host = FakeHost()

    private func range(_ first: UInt64, _ last: UInt64) -> IOVARange { IOVARange(first: first, last: last) }

    private func demands(_ usable: [IOVARange]? = nil, reserved: [IOVARange] = []) -> MemoryDemands {
        MemoryDemands(
            device: "1000.net", limits: [IOVALimits(usable: usable)],
            reserved: reserved.map { ReservedRegion(range: $0, kind: "msi", group: 5) })
    }

    private func base(
        _ demands: MemoryDemands?, mebibytes: Int = 256, fixed: UInt64? = nil, addressBits: Int = 40
    ) throws(MachineError) -> UInt64 {
        try MemoryPlacement(
            mebibytes: mebibytes, addressBits: addressBits, fixed: fixed.map { GuestAddress($0) }, demands: demands
        ).base.rawValue
    }

    // MARK: The place

    @Test func `RAM is at its usual place where nothing is in the way`() throws {
        #expect(try base(nil) == 0x8000_0000)
        #expect(try base(demands()) == 0x8000_0000)
        #expect(try base(demands([range(0, .max)], reserved: [range(0x800_0000, 0x80F_FFFF)])) == 0x8000_0000)
        // One byte before, one behind.
        #expect(try base(demands(reserved: [range(0, 0x7FFF_FFFF), range(0x9000_0000, 0x9000_0FFF)])) == 0x8000_0000)
    }

    @Test func `RAM is moved out of the way`() throws {
        #expect(try base(demands(reserved: [range(0x8800_0000, 0x880F_FFFF)])) == 0xC000_0000)
        #expect(try base(demands(reserved: [range(0x8FFF_FFFF, 0xC000_0000)])) == 0x1_0000_0000)
        #expect(try base(demands([range(0x2_1000_0000, 0xFF_FFFF_FFFF)])) == 0x2_4000_0000)
        // Only below the usual place.
        #expect(try base(demands([range(0, 0x7FFF_FFFF)])) == 0x4000_0000)
        #expect(try base(demands([range(0, 0x8FFF_FFFF)]), mebibytes: 1024) == 0x4000_0000)
        let moved = try MemoryPlacement(
            mebibytes: 256, addressBits: 40, demands: demands(reserved: [range(0x8800_0000, 0x880F_FFFF)]))
        #expect(
            moved.reason
                == "RAM is at 0xc0000000 instead of 0x80000000: group 5 reserves these addresses (msi): 0x88000000-0x880fffff"
        )
    }

    @Test func `RAM that the user fixed stays and is refused`() throws {
        #expect(try base(demands(), fixed: 0x4000_0000) == 0x4000_0000)
        let error = machineError { () throws(MachineError) in
            try base(demands(reserved: [range(0x4800_0000, 0x480F_FFFF)]), fixed: 0x4000_0000)
        }
        #expect(
            error
                == .memoryProblem(
                    device: "1000.net", mebibytes: 256, base: GuestAddress(0x4000_0000), range: "0x48000000-0x480fffff",
                    reason: "group 5 reserves these addresses (msi)", isFixed: true))
    }

    @Test(
        arguments: [
            ([IOVARange(first: 0, last: 0x3FFF_FFFF)], 256, 40), ([IOVARange(first: 0, last: .max)], 1025, 31),
            ([IOVARange(first: 0, last: 0xFFFF_FFFF)], 4096, 40), ([], 16, 40),
            ([IOVARange(first: 0xFFFF_FFFF_0000_0000, last: .max)], 16, 52),
        ] as [([IOVARange], Int, Int)])
    func `RAM without a place is refused`(usable: [IOVARange], mebibytes: Int, addressBits: Int) {
        let error = machineError { () throws(MachineError) in
            try base(
                demands(usable, reserved: [range(0x8000_0000, 0x8000_0FFF)]), mebibytes: mebibytes,
                addressBits: addressBits)
        }
        let text = error?.description ?? "none"
        #expect(text.hasPrefix("1000.net: its DMA can't reach \(mebibytes) MiB of RAM at any address: "), "\(text)")
        #expect(text.hasSuffix("\n  reduce machine-config.mem_size_mib"))
    }

    /// Sizes that can't be are the layout's to refuse; nothing traps on the way there.
    @Test(arguments: [0, Int.max, 1 << 44]) func `absurd sizes are left to the layout`(mebibytes: Int) throws {
        #expect(try base(demands(), mebibytes: mebibytes) == 0x8000_0000)
    }

    // MARK: The plan

    @Test func `a plan moves RAM and the window below it`() throws {
        host.add("1000.net", group: 5)
        host.kernel.addFile(
            "/sys/kernel/iommu_groups/5/reserved_regions", "0x0000000080000000 0x00000000800fffff msi\n")
        let plan = try host.makePlan(host.configuration(devices: [.named("1000.net")]))
        #expect(plan.layout.ram.description == "0xc0000000-0xc3ffffff")
        #expect(plan.layout.windows.first?.description == "0xc000000-0xbfffffff")
        #expect(host.log.all.contains { $0.contains("RAM is at 0xc0000000 instead of 0x80000000") })
        let check = MachineCheck(
            host.configuration(devices: [.named("1000.net")]), calls: host.kernel, log: host.log.log)
        #expect(check.problems == [])
        #expect(check.facts.prefix(2).last?.hasPrefix("RAM is at 0xc0000000") == true)
    }

    // MARK: Limits

    @Test func `memory that may not be locked is refused with the figure`() throws {
        host.add("1000.net", group: 5)
        host.kernel.addFile("/proc/self/status", "Name:\tmartlet\nVmLck:\t      64 kB\nVmPin:\t 0 kB\n")
        host.kernel.withState { $0.vfio.lockedMemoryLimit = 8 << 20 }
        let configuration = host.configuration(devices: [.named("1000.net")])
        let error = machineError { () throws(MachineError) in try host.makePlan(configuration) }
        #expect(
            error == .lockedMemory(device: "1000.net", needed: 67_174_400, limit: 8_388_608))
        #expect(host.kernel.held.isEmpty)
        host.kernel.withState { $0.vfio.lockedMemoryLimit = 67_174_400 }
        _ = try host.makePlan(configuration)
        // A device that does no DMA needs nothing locked.
        host.kernel.withState { $0.vfio.lockedMemoryLimit = 0 }
        var quiet = PlatformDevice.named("1000.net")
        quiet.dma = .none
        _ = try host.makePlan(host.configuration(devices: [quiet]))
    }

    @Test func `more mappings than the kernel takes are refused`() throws {
        host.add("1000.net", group: 5)
        host.kernel.withState { $0.vfio.mappingsLeft = 1 }
        _ = try host.makePlan(host.configuration(mebibytes: 1024, devices: [.named("1000.net")]))
        let error = machineError { () throws(MachineError) in
            try host.makePlan(host.configuration(mebibytes: 1025, devices: [.named("1000.net")]))
        }
        #expect(
            error == .mappings(device: "1000.net", wanted: 2, left: 1))
    }
}
