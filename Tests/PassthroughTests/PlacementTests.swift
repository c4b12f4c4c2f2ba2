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

    @Test func regionsTakeTheLowestRoomOnTheirNaturalAlignment() throws {
        host.add("small", group: 1, regions: [.init(size: 0x1000), .init(size: 0x200, access: [.read, .write])])
        host.add("large", group: 2, regions: [.init(size: 0x10000)])
        host.add("late", group: 3)
        let devices = try host.open(.init(.host("small")), .init(.host("large")), .init(.host("late")))
        #expect(bases(devices) == [[0x0C00_0000, 0x0C00_1000], [0x0C01_0000], [0x0C00_2000]])
        #expect(
            host.bus.regions.map(\.name) == ["small region 0", "small region 1", "late", "large"])
    }

    @Test func interruptsTakeTheLowestSPIs() throws {
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

    @Test func aDeviceWithNeitherRegionsNorInterruptsTakesNothing() throws {
        host.add("plain", regions: [], interrupts: [])
        let devices = try host.open(.init(.host("plain")))
        #expect(bases(devices) == [[]])
        #expect(host.bus.regions.isEmpty)
        #expect(host.bus.interrupts.isEmpty)
    }

    @Test func everythingIsGivenBackWhenTheDevicesGo() throws {
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

    @Test func theFirstRegionGoesWhereTheConfigurationSays() throws {
        host.add("device", regions: [.init(), .init()])
        let devices = try host.open(.init(.host("device"), placement: .fixed(0x0D00_0000)))
        #expect(bases(devices) == [[0x0D00_0000, 0x0C00_0000]])
    }

    @Test func anOverlapNamesBothOwnersAndLeavesNothing() throws {
        host.add("first", group: 1)
        host.add("second", group: 2, interrupts: [.edge])
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(
                .init(.host("first"), placement: .fixed(0x0D00_0000)),
                .init(.host("second"), placement: .fixed(0x0D00_0000)))
        }
        let text = try #require(error).description
        #expect(text.hasPrefix("second: second: guest address range 0xd000000-0xd000fff overlaps first at 0xd000000"))
        #expect(host.bus.regions.isEmpty)
        #expect(host.bus.interrupts.isEmpty)
        #expect(host.kernel.held.isEmpty)
        #expect(host.kernel.releasedInReverseOrder, "\(host.kernel.journal)")
    }

    @Test func anAddressOutsideTheBusIsRefused() throws {
        host.add("device")
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .fixed(0x1000)))
        }
        #expect(error?.description.contains("is outside the platform bus") == true)
    }

    @Test func aRegionThatFailsGivesBackTheOnesBefore() throws {
        // 256 MiB of window: the second has no room.
        host.add("device", regions: [.init(), .init(size: 0x1000_0000)])
        let error = passthroughError { () throws(PassthroughError) in try host.open(.init(.host("device"))) }
        #expect(error?.description.hasPrefix("device: device region 1: no room for 0x10000000 bytes") == true)
        #expect(host.bus.regions.isEmpty)
        #expect(host.kernel.held.isEmpty)
    }

    @Test func anInterruptThatFailsGivesBackTheRegions() throws {
        let few = try Host()
        for number in 0..<UInt32(960) { try few.bus.reserveSPI(SPI(rawValue: number), "taken") }
        few.add("device")
        let error = passthroughError { () throws(PassthroughError) in try few.open(.init(.host("device"))) }
        #expect(error?.description.contains("each of the interrupt controller's 960 SPIs is in use") == true)
        #expect(few.bus.regions.isEmpty)
        #expect(few.bus.interrupts.count == 960)
        #expect(few.kernel.held.isEmpty)
    }

    // MARK: The host's own address

    @Test func everyRegionGoesWhereItIsOnTheHost() throws {
        host.add(
            "device", regions: [.init(), .init()],
            properties: ["reg": .cells64([0x0C10_0000, 0x1000, 0x0C20_0000, 0x1000])])
        let devices = try host.open(.init(.host("device"), placement: .host))
        #expect(bases(devices) == [[0x0C10_0000, 0x0C20_0000]])
    }

    @Test func anAddressThatCannotBeToldIsAnError() throws {
        host.add("device", regions: [.init(), .init()], properties: ["reg": .cells64([0x0C10_0000, 0x1000])])
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .host))
        }
        #expect(
            error?.description == """
                device: the host address of region 1 is not known, so guest_address can't be "host"
                  give guest_address as a number, or leave it out
                """)
        #expect(host.bus.regions.isEmpty)
        #expect(host.kernel.held.isEmpty)
    }

    // MARK: Each region by itself

    @Test func eachRegionGoesWhereItIsWanted() throws {
        host.add(
            "device", regions: [.init(), .init(), .init(), .init()],
            properties: ["reg": .cells64([0x0C10_0000, 0x1000, 0x0C20_0000, 0x1000, 0x0C30_0000, 0x1000])])
        let devices = try host.open(
            .init(.host("device"), placement: .init([.automatic, .host, .fixed(0x0C00_0000)])))
        // What is allocated makes room for what is fixed, though it comes first.
        #expect(bases(devices) == [[0x0C00_1000, 0x0C20_0000, 0x0C00_0000, 0x0C00_2000]])
    }

    @Test func twoRegionsAtOneAddressAreBothNamed() {
        host.add("device", regions: [.init(), .init()])
        let address = DevicePlacement.Region.fixed(0x0D00_0000)
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .init([address, address])))
        }
        #expect(
            error?.description.hasPrefix(
                "device: device region 1: guest address range 0xd000000-0xd000fff overlaps device region 0 at") == true)
        #expect(host.bus.regions.isEmpty)
    }

    @Test func moreAddressesThanRegionsAreRefused() {
        host.add("device", regions: [.init()])
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device"), placement: .init([.automatic, .automatic])))
        }
        #expect(
            error?.description == """
                device: guest_address has 2 elements, but the device has 1 region
                  give one for each region at most
                """)
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
            error?.description == """
                device: guest_address 0x\(String(address, radix: 16)) of region 1 is not a multiple of 65536, \
                the size of this host's pages, by which the region is mapped
                  give \(nearest), or leave guest_address out
                  or set no_mmap: a region whose accesses are all trapped may be at any multiple of 4096
                """)
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

    @Test func theSameDeviceTwiceIsRefused() throws {
        host.add("device")
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(.init(.host("device")), .init(.sysfsdev("/sys/devices/platform/device")))
        }
        #expect(
            error?.description == "device: used twice\n  this process has the device open; list it once")
        #expect(host.kernel.held.isEmpty)
    }

    @Test func aDeviceThatIsNotThereIsAnError() throws {
        let error = passthroughError { () throws(PassthroughError) in try host.open(.init(.host("none"))) }
        #expect(error?.description.hasPrefix("none: no such device on the platform or AMBA bus") == true)
    }
}
