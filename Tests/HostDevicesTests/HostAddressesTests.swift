// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import KernelFakes
import LinuxSystem
import Testing

@testable import HostDevices

@Suite struct HostAddressesTests {
    private let host: Host

    init() throws { host = Host() }

    /// Adds a device with `reg` and gives the addresses of its first `count` regions.
    private func addresses(_ reg: PropertyValue, count: Int = 1) throws -> [UInt64?] {
        host.add("device", properties: ["reg": reg])
        return HostAddresses.regions(
            of: try HostDevice(host: "device", sysfs: host.sysfs), count: count, sysfs: host.sysfs)
    }

    @Test func `an empty ranges changes nothing`() throws {
        #expect(try addresses(.cells64([0x901_0000, 0x1000])) == [0x901_0000])
    }

    @Test func `each region is a reg entry`() throws {
        #expect(
            try addresses(.cells64([0x1000, 0x100, 0x2_0000_0000, 0x200]), count: 2) == [0x1000, 0x2_0000_0000])
    }

    @Test func `a region without reg entry is not known`() throws {
        #expect(try addresses(.cells64([0x1000, 0x100]), count: 3) == [0x1000, nil, nil])
    }

    @Test func `one range of many translates`() throws {
        // child address (1 cell), parent address (2 cells), size (1 cell)
        host.setNode(
            "/soc",
            [
                "#address-cells": .cell(1), "#size-cells": .cell(1),
                "ranges": .cells([0, 0x1, 0, 0x1000, 0x8000_0000, 0, 0x4000_0000, 0x10_0000]),
            ])
        #expect(
            try addresses(.cells([0x10, 0x10, 0x8000_1000, 0x1000, 0x8010_0000, 0x10, 0xFFF, 0x10]), count: 4)
                == [0x1_0000_0010, 0x4000_1000, nil, 0x1_0000_0FFF])
    }

    @Test func `buses are translated one by one`() throws {
        host.setNode(
            "/soc", ["#address-cells": .cell(1), "#size-cells": .cell(1), "ranges": .cells([0, 0, 0x4000, 0x1000])])
        host.setNode(
            "/soc/inner",
            ["#address-cells": .cell(1), "#size-cells": .cell(1), "ranges": .cells([0x100, 0x200, 0x100])])
        host.setNode("/soc/inner/device", ["reg": .cells([0x110, 0x10])])
        host.add("device", properties: ["compatible": .string("x")])
        host.kernel.withState { state in
            state.links["/sys/devices/platform/device/of_node"] =
                "../../../firmware/devicetree/base/soc/inner/device"
        }
        let device = try HostDevice(host: "device", sysfs: host.sysfs)
        #expect(HostAddresses.regions(of: device, count: 1, sysfs: host.sysfs) == [0x4210])
    }

    @Test func `a bus without ranges has no addresses of the CPU`() throws {
        host.kernel.withState { $0.files["/sys/firmware/devicetree/base/soc/ranges"] = nil }
        #expect(try addresses(.cells64([0x1000, 0x100])) == [nil])
    }

    /// Devicetree Specification v0.4, 2.3.5: 2 and 1 where a bus says nothing.
    @Test func `missing cell counts have their defaults`() throws {
        host.kernel.withState { state in
            state.files["/sys/firmware/devicetree/base/soc/#address-cells"] = nil
            state.files["/sys/firmware/devicetree/base/soc/#size-cells"] = nil
        }
        #expect(try addresses(.cells([0, 0x1000, 0x100, 0, 0x2000, 0x100]), count: 2) == [0x1000, 0x2000])
    }

    @Test func `sums that leave the address space are not known`() throws {
        host.setNode("/soc", ["ranges": .cells64([0, 0xFFFF_FFFF_FFFF_0000, 0x10_0000])])
        #expect(try addresses(.cells64([0x2_0000, 0x1000, 0x100, 0x10]), count: 2) == [nil, 0xFFFF_FFFF_FFFF_0100])
    }

    @Test func `nonsense is not known`() throws {
        #expect(try addresses(.bytes([1, 2, 3]), count: 1) == [nil])
        host.setNode("/soc", ["#address-cells": .cell(200)])
        #expect(try addresses(.cells64([0x1000, 0x100])) == [nil])
    }

    @Test func `a host without device tree tells nothing`() throws {
        host.kernel.addHostDevice("device")
        let device = try HostDevice(host: "device", sysfs: host.sysfs)
        #expect(HostAddresses.regions(of: device, count: 2, sysfs: host.sysfs) == [nil, nil])
    }
}
