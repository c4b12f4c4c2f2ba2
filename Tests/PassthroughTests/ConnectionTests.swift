// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

/// Devices joined to a VM: regions, interrupts, DMA, and the way back.
@Suite struct ConnectionTests {
    private let host: Host
    private let vm: VirtualMachine

    init() throws {
        host = try Host()
        vm = try host.makeVM()
    }

    private func connect(
        _ devices: PlacedDevices, memory: [(address: UInt64, mapping: MemoryMapping)] = []
    ) throws(PassthroughError) -> ConnectedDevices {
        try ConnectedDevices(devices, vm: vm, memory: memory, loop: host.loop, log: host.log.log)
    }

    private func bank(_ address: UInt64, size: UInt64) throws -> (address: UInt64, mapping: MemoryMapping) {
        (address, try MemoryMapping(of: 0, size: size, system: host.kernel))
    }

    // MARK: Regions

    @Test func `a region that can be mapped is mapped`() throws {
        host.add("device", regions: [.init(size: 0x2000), .init(size: 0x200, access: [.read, .write]), .init()])
        let connected = try connect(host.open(.init(.host("device"))))
        #expect(
            host.kernel.withState { $0.kvm.memoryRegions.mapValues { [$0.guestAddress, $0.size] } } == [
                0: [0x0C00_0000, 0x2000], 1: [0x0C00_3000, 0x1000],
            ])
        #expect(connected.reports().first?.regions.map(\.access) == ["mapped", "trapped", "mapped"])
    }

    @Test func `no mmap traps everything`() throws {
        host.add("device")
        let connected = try connect(host.open(.init(.host("device"), trapsAll: true)))
        #expect(host.kernel.withState { $0.kvm.memoryRegions.isEmpty })
        #expect(connected.reports().first?.regions.map(\.access) == ["trapped"])
        #expect(!host.kernel.held.contains { $0.hasPrefix("mmap VFIO") })
    }

    @Test func `trapped accesses reach the device and are counted`() throws {
        host.add("device", regions: [.init(size: 0x200, access: [.read, .write])])
        host.kernel.withState { $0.vfio.devices["device"]?.regions[0].bytes[0..<4] = [0x76, 0x69, 0x72, 0x74] }
        let devices = try host.open(.init(.host("device")))
        let connected = try connect(devices)
        let dispatcher = host.bus.makeDispatcher()
        #expect(dispatcher.read(GuestAddress(0x0C00_0000), .word) == 0x7472_6976)
        #expect(dispatcher.read(GuestAddress(0x0C00_0002), .halfword) == 0x7472)
        dispatcher.write(GuestAddress(0x0C00_0010), .byte, 0xAB)
        dispatcher.write(GuestAddress(0x0C00_0018), .doubleword, 0x1122_3344_5566_7788)
        let bytes = try #require(host.kernel.withState { $0.vfio.devices["device"]?.regions[0].bytes })
        #expect(bytes[0x10] == 0xAB)
        #expect(Array(bytes[0x18..<0x20]) == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
        let region = try #require(connected.reports().first?.regions.first)
        #expect(region.reads == 2)
        #expect(region.writes == 2)
    }

    @Test func `an access that the host refuses reads as ones and is reported once`() throws {
        host.add("device", regions: [.init(size: 0x200, access: [.read, .write])])
        let devices = try host.open(.init(.host("device")))
        let dispatcher = host.bus.makeDispatcher()
        for _ in 0..<3 {
            host.kernel.withState { $0.failingCall = $0.callCount + 1 }
            #expect(dispatcher.read(GuestAddress(0x0C00_0000), .word) == 0xFFFF_FFFF)
        }
        host.kernel.withState { $0.failingCall = $0.callCount + 1 }
        dispatcher.write(GuestAddress(0x0C00_0000), .word, 1)
        #expect(host.log.all.count == 1)
        #expect(host.log.all.first?.contains("pread of 4 bytes at 0x0 of region 0 failed: EIO") == true)
        #expect(devices.devices.first?.regions.first?.trap.failures == 4)
    }

    // MARK: Interrupts

    @Test func `an edge line gets an irqfd and a trigger`() throws {
        host.add("device", regions: [], interrupts: [.edge])
        let devices = try host.open(.init(.host("device")))
        let connected = try connect(devices)
        #expect(
            host.journal(from: "+ KVM_DEV_VFIO_GROUP_ADD").dropFirst() == [
                "+ eventfd", "+ KVM_IRQFD 0", "+ VFIO_DEVICE_SET_IRQS trigger 0",
            ])
        let route = try #require(host.kernel.withState { $0.kvm.irqfds[0] })
        #expect(route.resample == nil)
        #expect(host.kernel.withState { $0.vfio.devices["device"]?.interrupts[0].trigger } == route.trigger)
        withExtendedLifetime(connected) {}
    }

    @Test func `a level line gets a resample that unmasks it and its trigger last`() throws {
        host.add("device", regions: [], interrupts: [.level])
        let devices = try host.open(.init(.host("device")))
        let connected = try connect(devices)
        #expect(
            host.journal(from: "+ KVM_DEV_VFIO_GROUP_ADD").dropFirst() == [
                "+ eventfd", "+ eventfd", "+ KVM_IRQFD 0", "+ VFIO_DEVICE_SET_IRQS unmask 0",
                "  VFIO_DEVICE_SET_IRQS now unmask 0", "+ VFIO_DEVICE_SET_IRQS trigger 0",
            ])
        let route = try #require(host.kernel.withState { $0.kvm.irqfds[0] })
        let interrupt = try #require(host.kernel.withState { $0.vfio.devices["device"]?.interrupts[0] })
        #expect(interrupt.trigger == route.trigger)
        #expect(interrupt.unmask == route.resample)
        #expect(route.resample != nil)
        #expect(route.resample != route.trigger)
        withExtendedLifetime(connected) {}
    }

    @Test func `an interrupt that an owner left masked is unmasked`() throws {
        host.add("device", interrupts: [.level, .level])
        host.kernel.withState { $0.vfio.devices["device"]?.interrupts[1].isMasked = true }
        let connected = try connect(host.open(.init(.host("device"))))
        #expect(host.kernel.withState { $0.vfio.devices["device"]?.interrupts.map(\.isMasked) } == [false, false])
        #expect(host.kernel.withState { Set($0.kvm.irqfds.keys) } == [0, 1])
        withExtendedLifetime(connected) {}
    }

    // MARK: DMA and groups

    @Test func `all of the guests memory is mapped for DMA`() throws {
        host.add("device")
        let memory = [try bank(0x8000_0000, size: 0x10000), try bank(0x9000_0000, size: 0x2000)]
        let connected = try connect(host.open(.init(.host("device"))), memory: memory)
        #expect(host.kernel.withState { $0.vfio.dmaMappings } == [0x8000_0000: 0x10000, 0x9000_0000: 0x2000])
        #expect(connected.reports().first?.isolation == "iommu")
    }

    @Test func `nothing is mapped without an IOMMU`() throws {
        host.add("device", isNoIOMMU: true, properties: ["compatible": .string("arm,pl061")])
        let connected = try connect(host.open(.init(.host("device"))), memory: [try bank(0x8000_0000, size: 0x10000)])
        #expect(host.kernel.withState { $0.vfio.dmaMappings.isEmpty })
        #expect(connected.reports().first?.isolation == "none")
    }

    @Test func `each group is registered with KVM once`() throws {
        host.add("first", group: 1)
        host.add("second", group: 1)
        host.add("third", group: 2)
        let connected = try connect(host.open(.init(.host("first")), .init(.host("third")), .init(.host("second"))))
        let added = host.kernel.held.filter { $0.hasPrefix("KVM_DEV_VFIO_GROUP_ADD") }
        #expect(
            added == ["KVM_DEV_VFIO_GROUP_ADD open /dev/vfio/1", "KVM_DEV_VFIO_GROUP_ADD open /dev/vfio/2"])
        #expect(connected.reports().map(\.host) == ["first", "third", "second"])
    }

    @Test func `no device means no call`() throws {
        let before = host.kernel.withState { $0.callCount }
        let connected = try connect(host.open())
        #expect(connected.reports().isEmpty)
        connected.quiesce()
        // The report asks for /proc/interrupts.
        #expect(host.kernel.withState { $0.callCount } <= before + 1)
    }

    // MARK: The end

    @Test func `a device is quiet before its memory is taken away`() throws {
        host.add("device", interrupts: [.level])
        let devices = try host.open(.init(.host("device")))
        do {
            let connected = try connect(devices, memory: [try bank(0x8000_0000, size: 0x10000)])
            withExtendedLifetime(connected) {}
        }
        let end = host.journal(from: "- ")
        let order = [
            "- VFIO_DEVICE_SET_IRQS trigger 0", "- VFIO_DEVICE_SET_IRQS unmask 0", "- KVM_IRQFD 0",
            "  VFIO_DEVICE_RESET", "- KVM_SET_USER_MEMORY_REGION 0", "- VFIO_IOMMU_MAP_DMA 0x80000000",
        ]
        #expect(end.filter(order.contains) == order)
        #expect(host.kernel.releasedInReverseOrder, "\(host.kernel.journal)")
    }

    @Test func `silence turns interrupts off and resets each device once`() throws {
        host.add("first", group: 1, interrupts: [.edge])
        host.add("second", group: 2, interrupts: [.edge], flags: .platform)
        let devices = try host.open(.init(.host("first")), .init(.host("second")))
        do {
            let connected = try connect(devices)
            connected.quiesce()
            // The newest first; the second has no reset.
            #expect(
                host.journal(from: "- ") == [
                    "- VFIO_DEVICE_SET_IRQS trigger 0", "- KVM_IRQFD 1", "- eventfd",
                    "- VFIO_DEVICE_SET_IRQS trigger 0", "- KVM_IRQFD 0", "- eventfd", "  VFIO_DEVICE_RESET",
                ])
            #expect(host.kernel.withState { $0.kvm.memoryRegions.count } == 2)
            connected.quiesce()
        }
        // When it was opened, and at the end.
        #expect(host.kernel.withState { $0.vfio.devices["first"]?.resetCount } == 2)
        #expect(host.kernel.withState { $0.vfio.devices["second"]?.resetCount } == 0)
    }

    @Test func `a reset that fails does not keep the rest from being released`() throws {
        host.add("device")
        host.kernel.withState { $0.vfio.devices["device"]?.resetFailure = .ioError }
        let before = host.kernel.held
        do {
            let connected = try connect(host.open(.init(.host("device"))))
            withExtendedLifetime(connected) {}
        }
        #expect(host.kernel.held == before)
    }
}
