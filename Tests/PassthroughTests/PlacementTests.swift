// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import DeviceTree
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

@Suite struct PlacementTests {
    private let host: Host

    init() throws { host = try Host() }

    private func bases(_ devices: PlacedDevices) -> [[UInt64]] {
        devices.devices.map { $0.regions.map(\.range.base.rawValue) }
    }

    // MARK: Automatic

    @Test func `regions take the lowest room on their natural alignment`() throws {
        host.add("small", group: 1, regions: [.init(size: 0x1000), .init(size: 0x200, access: [.read, .write])])
        host.add("large", group: 2, regions: [.init(size: 0x10000)])
        host.add("late", group: 3)
        let devices = try host.open(.init(.host("small")), .init(.host("large")), .init(.host("late")))
        #expect(bases(devices) == [[0x0C00_0000, 0x0C00_1000], [0x0C01_0000], [0x0C00_2000]])
        #expect(
            host.bus.regions.map(\.name) == ["small region 0", "small region 1", "late", "large"])
    }

    @Test func `interrupts take the lowest SPIs`() throws {
        try host.bus.reserveSPI(SPI(rawValue: 0), "serial port")
        host.add("first", group: 1, interrupts: [.level, .edge])
        host.add("second", group: 2, interrupts: [.edge])
        let devices = try host.open(.init(.host("first")), .init(.host("second")))
        #expect(devices.devices.map { $0.interrupts.map(\.spi.rawValue) } == [[1, 2], [3]])
        #expect(
            host.bus.interrupts.map(\.name) == [
                "serial port", "first interrupt 0", "first interrupt 1", "second interrupt 0",
            ])
    }

    @Test func `a device with neither regions nor interrupts takes nothing`() throws {
        host.add("plain", regions: [], interrupts: [])
        let devices = try host.open(.init(.host("plain")))
        #expect(bases(devices) == [[]])
        #expect(host.bus.regions.isEmpty)
        #expect(host.bus.interrupts.isEmpty)
    }

    @Test func `everything is given back when the devices go`() throws {
        host.add("device", interrupts: [.level, .edge])
        do {
            let devices = try host.open(.init(.host("device")))
            withExtendedLifetime(devices) { #expect(!host.bus.regions.isEmpty) }
        }
        #expect(host.bus.regions.isEmpty)
        #expect(host.bus.interrupts.isEmpty)
        #expect(host.kernel.held.isEmpty)
        #expect(host.kernel.releasedInReverseOrder, "\(host.kernel.journal)")
    }

    // MARK: Fixed

    @Test func `the first region goes where the configuration says`() throws {
        host.add("device", regions: [.init(), .init()])
        let devices = try host.open(.init(.host("device"), placement: .fixed(0x0D00_0000)))
        #expect(bases(devices) == [[0x0D00_0000, 0x0C00_0000]])
    }

    @Test func `an overlap names both owners and leaves nothing`() throws {
        host.add("first", group: 1)
        host.add("second", group: 2, interrupts: [.edge])
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(
                .init(.host("first"), placement: .fixed(0x0D00_0000)),
                .init(.host("second"), placement: .fixed(0x0D00_0000)))
        }
        guard case .bus(device: "second", .overlap(name: "second", let range, owner: "first", let taken))? = error
        else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(range.description == "0xd000000-0xd000fff" && taken.base.rawValue == 0x0D00_0000)
        #expect(host.bus.regions.isEmpty)
        #expect(host.bus.interrupts.isEmpty)
        #expect(host.kernel.held.isEmpty)
        #expect(host.kernel.releasedInReverseOrder, "\(host.kernel.journal)")
    }

    @Test func `an address outside the bus is refused`() throws {
        host.add("device")
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .fixed(0x1000)))
        }
        guard case .bus(device: "device", .outsideWindow)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func `a region that fails gives back the ones before`() throws {
        // 256 MiB of window: the second has no room.
        host.add("device", regions: [.init(), .init(size: 0x1000_0000)])
        let error = passthroughError { () throws(PassthroughError) in try host.open(.init(.host("device"))) }
        guard case .bus(device: "device", .windowFull(name: "device region 1", size: 0x1000_0000, _, _))? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(host.bus.regions.isEmpty)
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `an interrupt that fails gives back the regions`() throws {
        let few = try Host()
        for number in 0..<UInt32(960) { try few.bus.reserveSPI(SPI(rawValue: number), "taken") }
        few.add("device")
        let error = passthroughError { () throws(PassthroughError) in try few.open(.init(.host("device"))) }
        guard case .bus(device: "device", .noSPI(_, count: 960))? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(few.bus.regions.isEmpty)
        #expect(few.bus.interrupts.count == 960)
        #expect(few.kernel.held.isEmpty)
    }

    // MARK: The host's own address

    @Test func `every region goes where it is on the host`() throws {
        host.add(
            "device", regions: [.init(), .init()],
            properties: ["reg": .cells64([0x0C10_0000, 0x1000, 0x0C20_0000, 0x1000])])
        let devices = try host.open(.init(.host("device"), placement: .host))
        #expect(bases(devices) == [[0x0C10_0000, 0x0C20_0000]])
    }

    @Test func `an address that cannot be told is an error`() throws {
        host.add("device", regions: [.init(), .init()], properties: ["reg": .cells64([0x0C10_0000, 0x1000])])
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .host))
        }
        #expect(
            error == .noHostAddress(device: "device", region: 1))
        #expect(host.bus.regions.isEmpty)
        #expect(host.kernel.held.isEmpty)
    }

    // MARK: Each region by itself

    @Test func `each region goes where it is wanted`() throws {
        host.add(
            "device", regions: [.init(), .init(), .init(), .init()],
            properties: ["reg": .cells64([0x0C10_0000, 0x1000, 0x0C20_0000, 0x1000, 0x0C30_0000, 0x1000])])
        let devices = try host.open(
            .init(.host("device"), placement: .init([.automatic, .host, .fixed(0x0C00_0000)])))
        // What is allocated makes room for what is fixed, though it comes first.
        #expect(bases(devices) == [[0x0C00_1000, 0x0C20_0000, 0x0C00_0000, 0x0C00_2000]])
    }

    @Test func `two regions at one address are both named`() {
        host.add("device", regions: [.init(), .init()])
        let address = DevicePlacement.Region.fixed(0x0D00_0000)
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .init([address, address])))
        }
        guard
            case .bus(device: "device", .overlap(name: "device region 1", _, owner: "device region 0", _))? = error
        else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(host.bus.regions.isEmpty)
    }

    @Test func `more addresses than regions are refused`() {
        host.add("device", regions: [.init()])
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .init([.automatic, .automatic])))
        }
        #expect(
            error == .tooManyAddresses(device: "device", given: 2, regions: 1))
        #expect(host.kernel.held.isEmpty)
    }

    // MARK: The host's pages

    private func place(
        _ address: UInt64, pageSize: UInt64
    ) throws(PassthroughError) -> PlacedDevices {
        let settings = PlacedDevice.Settings(
            .host("device"), placement: .init([.automatic, .fixed(address)]))
        return try PlacedDevices(
            try OpenDevices(
                [settings], containers: VFIOContainers(calls: host.kernel), sysfs: host.sysfs, log: host.log.log),
            bus: host.bus, pageSize: pageSize, log: host.log.log)
    }

    @Test(
        arguments: [
            (0x0D00_1000, "0xd000000"), (0x0D00_7000, "0xd000000"), (0x0D00_8000, "0xd010000"),
            (0x0D00_F000, "0xd010000"),
        ] as [(UInt64, String)])
    func `a mapped region that is on no page of the host is refused`(address: UInt64, nearest: String) {
        host.add("device", regions: [.init(size: 0x1_0000), .init(size: 0x1_0000)])
        let error = passthroughError { () throws(PassthroughError) in try place(address, pageSize: 65536) }
        #expect(
            error == .offPage(device: "device", region: 1, address: GuestAddress(address), pageSize: 65536))
        #expect(error?.description.contains("\n  set it to \(nearest), or") == true)
        #expect(host.bus.regions.isEmpty && host.kernel.held.isEmpty)
    }

    @Test(arguments: [(4096, 0x0D00_1000), (16384, 0x0D00_4000), (65536, 0x0D01_0000)] as [(UInt64, UInt64)])
    func `a mapped region goes to any page of the host`(pageSize: UInt64, address: UInt64) throws {
        host.add("device", regions: [.init(size: 0x1_0000), .init(size: 0x1_0000)])
        #expect(try bases(place(address, pageSize: pageSize)) == [[0x0C00_0000, address]])
    }

    @Test func `a trapped region needs no page of the host`() throws {
        host.add("device", regions: [.init(size: 0x1_0000), .init(size: 0x200, access: [.read, .write])])
        #expect(try bases(place(0x0D00_1000, pageSize: 65536)) == [[0x0C00_0000, 0x0D00_1000]])
        let other = try Host()
        other.add("device", regions: [.init(size: 0x1_0000), .init(size: 0x1_0000)])
        let settings = PlacedDevice.Settings(
            .host("device"), trapsAll: true, placement: .fixed(0x0D00_1000))
        let opened = try OpenDevices(
            [settings], containers: VFIOContainers(calls: other.kernel), sysfs: other.sysfs, log: other.log.log)
        let devices = try PlacedDevices(opened, bus: other.bus, pageSize: 65536, log: other.log.log)
        #expect(bases(devices) == [[0x0D00_1000, 0x0C00_0000]])
    }

    // MARK: Refusals

    @Test func `the same device twice is refused`() throws {
        host.add("device")
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device")), .init(.sysfsdev("/sys/devices/platform/device")))
        }
        #expect(error == .vfio(.alreadyOpen(device: "device")))
        #expect(host.kernel.held.isEmpty)
    }

    @Test func `a device that is not there is an error`() throws {
        let error = passthroughError { () throws(PassthroughError) in try host.open(.init(.host("none"))) }
        #expect(error == .host(.noSuchDevice(device: "none", similar: [])))
    }
}
