// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import DeviceTree
import HostDevices
import KVM
import KernelFakes
import LinuxSystem
import PlatformBus
import Testing
import VFIO

@testable import Passthrough

/// What devices reach by DMA, how that comes about, and what is said of it.
@Suite struct DMATests {
    private let host: Host
    private let vm: VirtualMachine

    init() throws {
        host = try Host()
        vm = try host.makeVM()
    }

    private func settings(
        _ name: String, dma: VFIODMAMode = .automatic, requiresReset: Bool = false
    ) -> PlacedDevice.Settings {
        var settings = PlacedDevice.Settings(.host(name))
        settings.dma = dma
        settings.requiresReset = requiresReset
        return settings
    }

    private func connect(
        _ devices: PlacedDevices, mebibytes: UInt64 = 1
    ) throws -> ConnectedDevices {
        let memory = try MemoryMapping(of: 0, size: mebibytes << 20, system: host.kernel)
        return try ConnectedDevices(
            devices, vm: vm, memory: [(0x8000_0000, memory)], loop: host.loop, log: host.log.log)
    }

    private func dmaLine(_ connected: ConnectedDevices, _ index: Int = 0) throws -> String {
        try #require(connected.reports()[index].lines.first { $0.hasPrefix("  dma: ") })
    }

    // MARK: What is mapped

    @Test func `memory is mapped in each space that reaches it`() throws {
        host.add("byFile", group: 1, file: 0)
        host.add("byGroup", group: 2)
        host.add("quiet", group: 3, file: 1)
        let connected = try connect(
            host.open(settings("byFile"), settings("byGroup"), settings("quiet", dma: .none)))
        #expect(host.kernel.withState { $0.vfio.dmaMappings } == [0x8000_0000: 0x10_0000])
        #expect(host.kernel.withState { $0.vfio.addressSpaces } == [1: [0x8000_0000: 0x10_0000], 2: [:]])
        // Each file that KVM has to know of, once: the device's own, or the group's.
        #expect(
            host.kernel.held.filter { $0.hasPrefix("KVM_DEV_VFIO") } == [
                "KVM_DEV_VFIO_GROUP_ADD open /dev/vfio/devices/vfio0", "KVM_DEV_VFIO_GROUP_ADD open /dev/vfio/2",
                "KVM_DEV_VFIO_GROUP_ADD open /dev/vfio/devices/vfio1",
            ])
        withExtendedLifetime(connected) {}
    }

    @Test func `regions are mapped for peers only where they are to reach each other`() throws {
        for isWanted in [false, true] {
            let host = try Host()
            host.add("first", group: 1)
            host.add("second", group: 2)
            host.add("alone", group: 3, isNoIOMMU: true, properties: ["compatible": .string("arm,pl061")])
            func wanted(_ name: String) -> PlacedDevice.Settings {
                var settings = settings(name)
                settings.reachesPeers = isWanted
                settings.trapsAll = name == "second"
                return settings
            }
            let devices = try host.open(wanted("first"), wanted("second"), wanted("alone"))
            let memory = try MemoryMapping(of: 0, size: 1 << 20, system: host.kernel)
            do {
                let connected = try ConnectedDevices(
                    devices, vm: try host.makeVM(), memory: [(0x8000_0000, memory)], loop: host.loop, log: host.log.log)
                var expected: [UInt64: UInt64] = [0x8000_0000: 1 << 20]
                for device in devices.devices where isWanted && !device.settings.trapsAll {
                    for range in device.ranges { expected[range.base.rawValue] = range.size }
                }
                #expect(expected.count == (isWanted ? 3 : 1))
                #expect(host.kernel.withState { $0.vfio.dmaMappings } == expected)
                let reach = isWanted ? "guest RAM and the devices' mapped regions only" : "guest RAM only"
                #expect(try dmaLine(connected).contains("reaches \(reach)"))
            }
            // A device is quiet, and out of the others' reach, before it is taken apart.
            #expect(host.kernel.withState { $0.vfio.dmaMappings }.isEmpty)
            guard isWanted else { continue }
            let order = [
                "  VFIO_DEVICE_RESET", "- VFIO_IOMMU_MAP_DMA 0xc002000", "- VFIO_IOMMU_MAP_DMA 0xc000000",
                "- mmap VFIO_GROUP_GET_DEVICE_FD alone", "- mmap VFIO_GROUP_GET_DEVICE_FD first",
                "- VFIO_IOMMU_MAP_DMA 0x80000000",
            ]
            let end = host.journal(from: "- ").filter(order.contains)
            #expect(end == Array(repeating: order[0], count: 2) + order)
        }
    }

    @Test func `a large guest is mapped in parts and says how far it is`() throws {
        host.add("device", group: 1, file: 0)
        let connected = try connect(host.open(settings("device")), mebibytes: 2560)
        let gibibyte: UInt64 = 1 << 30
        #expect(
            host.kernel.withState { $0.vfio.addressSpaces } == [
                1: [0x8000_0000: gibibyte, 0xC000_0000: gibibyte, 0x1_0000_0000: gibibyte / 2]
            ])
        #expect(
            host.log.all.map { $0.drop { $0 != ":" } } == [
                ": pinned 1024 of 2560 MiB for devices", ": pinned 2048 of 2560 MiB for devices",
                ": pinned 2560 of 2560 MiB for devices",
            ])
        #expect(ConnectedDevices.mappingCount(bankSizes: [2560 << 20, 1 << 30, 1]) == 5)
        withExtendedLifetime(connected) {}
    }

    @Test func `a device is quiet before its address space is emptied`() throws {
        host.add("device", group: 1, file: 0)
        let devices = try host.open(settings("device"))
        do {
            let connected = try connect(devices)
            withExtendedLifetime(connected) {}
        }
        let end = host.journal(from: "- ")
        let order = ["- VFIO_DEVICE_SET_IRQS trigger 0", "  VFIO_DEVICE_RESET", "- IOMMU_IOAS_MAP 0x80000000"]
        #expect(end.filter(order.contains) == order)
        #expect(host.kernel.releasedInReverseOrder, "\(host.kernel.journal)")
        withExtendedLifetime(devices) {}
    }

    // MARK: Demands

    @Test func `devices say where memory can be`() throws {
        host.add("device", group: 1)
        host.add("quiet", group: 2)
        host.kernel.addFile(
            "/sys/kernel/iommu_groups/1/reserved_regions",
            "0x0000000008000000 0x00000000080fffff msi\n0x00000000a0000000 0x00000000a0000fff direct-relaxable\n")
        host.kernel.addFile(
            "/sys/kernel/iommu_groups/2/reserved_regions", "0x0000000090000000 0x0000000090000fff reserved\n")
        host.kernel.withState { $0.vfio.usableRanges = [IOVARange(first: 0, last: 0xFFFF_FFFF)] }
        let devices = try host.open(settings("device"), settings("quiet", dma: .none))
        let demands = try #require(try devices.opened.memoryDemands())
        #expect(demands.device == "device")
        #expect(demands.mappingsLeft == 65535)
        #expect(demands.spaceCount == 1)
        // What the other group reserves is of no concern: nothing is mapped there.
        #expect(demands.problem(from: 0x8000_0000, through: 0xFFFF_FFFF) == nil)
        #expect(demands.problem(from: 0, through: 0xFFFF_FFFF)?.reason == "group 1 reserves these addresses (msi)")
        let beyond = demands.problem(from: 0xC000_0000, through: 0x1_3FFF_FFFF)
        #expect(beyond?.range == IOVARange(first: 0x1_0000_0000, last: .max))
        #expect(beyond?.reason == "the IOMMU can't map these addresses")
    }

    @Test func `devices without DMA have no demands`() throws {
        host.add("quiet", group: 1)
        host.add("free", group: 2, isNoIOMMU: true)
        #expect(
            try host.open(settings("quiet", dma: .none), settings("free", dma: .none)).opened.memoryDemands() == nil)
        #expect(!host.kernel.journal.contains(.call("VFIO_IOMMU_GET_INFO")))
    }

    // MARK: Without an IOMMU

    /// What `open` says of a device without an IOMMU whose node has these properties; nil where it is taken.
    private func refusal(_ properties: [String: PropertyValue]) -> PassthroughError? {
        host.add("free", group: 2, isNoIOMMU: true, properties: properties)
        return passthroughError { () throws(PassthroughError) in try host.open(settings("free")) }
    }

    @Test(arguments: ["arm,pl031", "arm,pl061", "arm,pl011", "ns16550a", "gpio-keys"])
    func `device that is known to do no DMA needs no word`(compatible: String) {
        #expect(refusal(["compatible": .strings([compatible, "arm,primecell"])]) == nil)
    }

    @Test(
        arguments: [
            (["compatible": .string("virtio,mmio")], "a virtio,mmio"),
            // The most specific name counts.
            (["compatible": .strings(["test,uart-with-dma", "ns16550a"])], "a test,uart-with-dma"),
            (["compatible": .string("arm,pl011"), "dma-coherent": .empty], "a arm,pl011 with dma-coherent"),
            (["compatible": .string("arm,pl011"), "dma-ranges": .empty], "a arm,pl011 with dma-ranges"),
            (["compatible": .string("arm,pl011"), "iommus": .cell(1)], "a arm,pl011 with iommus"),
            (["compatible": .string("arm,pl011"), "memory-region": .cell(1)], "a arm,pl011 with memory-region"),
            (["reg": .cells64([0, 1])], "a device without a compatible"),
            ([:], "a device that no device tree describes"),
        ] as [([String: PropertyValue], String)])
    func `other devices are refused`(properties: [String: PropertyValue], what: String) {
        let held = host.kernel.held
        #expect(
            refusal(properties) == .unconfinedDMA(device: "free", master: what))
        #expect(host.kernel.held == held)
    }

    @Test func `identity is reported as not confined`() throws {
        host.add("free", group: 2, isNoIOMMU: true)
        let devices = try host.open(settings("free", dma: .identity))
        #expect(devices.opened.identityDevice == "free")
        let connected = try connect(devices)
        #expect(try dmaLine(connected) == "  dma: identity: NOT confined, reaches all host memory")
    }

    /// The bus of the Raspberry Pi's old peripherals has other addresses for memory; those of others reach only some of
    /// it.
    @Test func `bus that gives DMA other addresses is refused`() throws {
        host.add("free", group: 2, isNoIOMMU: true)
        let devices = try host.open(settings("free", dma: .identity))
        let banks = [0x4000_0000, 0x1_0000_0000].compactMap { GuestRange(base: GuestAddress($0), size: 0x1000_0000) }
        func error() -> PassthroughError? {
            passthroughError { () throws(PassthroughError) in try devices.opened.checkIdentity(reaches: banks) }
        }

        #expect(error() == nil)
        host.setNode("/soc", ["dma-ranges": .empty])
        #expect(error() == nil)
        host.setNode(
            "/soc", ["dma-ranges": .cells64([0, 0, 0x1_0000_0000, 0x1_0000_0000, 0x1_0000_0000, 0x8000_0000])])
        #expect(error() == nil)
        host.setNode("/soc", ["dma-ranges": .cells64([0, 0, 0x1_0000_0000])])
        #expect(
            error() == .memoryOutOfReach(device: "free", memory: banks[1], bus: "/soc"))
        host.setNode("/soc", ["dma-ranges": .cells64([0xC000_0000, 0, 0x4000_0000])])
        #expect(
            error() == .translatingBus(device: "free", bus: "/soc"))
    }

    // MARK: The report

    @Test func `the report says who shares the group and by which streams`() throws {
        host.add(
            "a", group: 5, file: 0,
            properties: ["compatible": .string("test,device"), "iommus": .cells([0x8001, 0xFF00, 0x8001, 0xFF01])])
        host.add("b", group: 5, file: 1)
        host.kernel.withState { state in
            state.files["/sys/devices/platform/a/iommu/device/of_node/#iommu-cells"] = PropertyValue.cell(1).bytes
            state.files["/sys/module/iommufd/parameters/allow_unsafe_interrupts"] = Array("N\n".utf8)
        }
        let connected = try connect(host.open(settings("a")))
        #expect(
            try dmaLine(connected)
                == "  dma: iommu (group 5, with b, iommufd), reaches guest RAM only; interrupts isolated; stream 0xff00, 0xff01"
        )
        let report = try #require(connected.reports().first?.dma)
        #expect(report.interruptsIsolated == true)
        #expect(report.streamIDs == [0xFF00, 0xFF01])
        #expect(report.groupOthers == ["b"])
    }

    @Test func `a device that is to do no DMA says whether that is enforced`() throws {
        host.add("quiet", group: 1)
        host.add("free", group: 2, isNoIOMMU: true)
        let connected = try connect(host.open(settings("quiet", dma: .none), settings("free", dma: .none)))
        #expect(
            try dmaLine(connected)
                == "  dma: none (group 1, alone in it, container), reaches nothing; interrupt isolation unknown"
        )
        #expect(
            try dmaLine(connected, 1)
                == "  dma: none, as configured; nothing enforces it; no IOMMU: NOT confined, reaches all host memory"
        )
        #expect(connected.reports().map(\.dma.mode) == ["none", "none"])
        #expect(connected.reports().map(\.dma.reaches) == ["nothing", "all host memory"])
    }

    @Test(
        arguments: [
            ([0x8001, 1, 0xFF, 0x8001, 2, 0xFF], 2, [1, 2]), ([0x8001, 1, 0x8002, 2], 1, [1]), ([0x8001], 1, []),
            ([0x8001, 1, 2, 0x8001, 3], 2, [1, 3]), ([], 1, []), ([0x8001], 0, []),
        ] as [([UInt32], UInt32, [UInt32])])
    func `streams are read as far as they make sense`(cells: [UInt32], cellCount: UInt32, streams: [UInt32]) throws {
        host.add("a", properties: ["compatible": .string("test,device"), "iommus": .cells(cells)])
        host.kernel.withState { state in
            state.files["/sys/devices/platform/a/iommu/device/of_node/#iommu-cells"] =
                PropertyValue.cell(cellCount).bytes
        }
        #expect(try connect(host.open(settings("a"))).reports().first?.dma.streamIDs == streams)
    }

    // MARK: Reset

    @Test func `a device without a reset is refused where one is required`() throws {
        host.add("plain", group: 1, flags: .platform)
        host.add("good", group: 2)
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(settings("plain", requiresReset: true))
        }
        #expect(
            error
                == .noReset(
                    device: "plain",
                    cause: "the host's kernel can't reset it, and Martlet has no recipe for test,device"))
        #expect(!host.kernel.held.contains { $0.contains("VFIO") })
        _ = try host.open(settings("good", requiresReset: true))
    }

    @Test func `a reset that fails at the end is said`() throws {
        host.add("device")
        let connected = try connect(host.open(settings("device")))
        #expect(connected.reports().first?.resetFailure == nil)
        host.kernel.withState { $0.vfio.devices["device"]?.resetFailure = .ioError }
        connected.quiesce()
        #expect(host.log.all.count == 1)
        #expect(host.log.all.first?.hasPrefix("warning: device: VFIO_DEVICE_RESET failed: EIO") == true)
        #expect(host.log.all.first?.hasSuffix("\n  DMA that the guest has started may go on") == true)
        let report = try #require(connected.reports().first)
        #expect(report.resetFailure == "EIO (Input/output error)")
        #expect(
            report.lines.contains("  reset failed: EIO (Input/output error); DMA of its last user may go on"))
    }

    @Test func `a reset that fails when the device is opened is said, and an error where one is required`() throws {
        host.add("device")
        host.kernel.withState { $0.vfio.devices["device"]?.resetFailure = .ioError }
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(settings("device", requiresReset: true))
        }
        #expect(error?.description.hasPrefix("device: VFIO_DEVICE_RESET failed: EIO (Input/output error)\n") == true)
        #expect(error?.description.contains("\n  require_reset is set: ") == true)
        #expect(!host.kernel.held.contains { $0.contains("VFIO") })

        let connected = try connect(host.open(settings("device")))
        #expect(host.log.all.count == 1)
        #expect(host.log.all.first?.hasPrefix("warning: device: VFIO_DEVICE_RESET failed: EIO") == true)
        #expect(connected.reports().first?.resetFailure == "EIO (Input/output error)")
        // The next one counts.
        host.kernel.withState { $0.vfio.devices["device"]?.resetFailure = nil }
        connected.quiesce()
        #expect(connected.reports().first?.resetFailure == nil)
        #expect(connected.restartProblems() == [])
    }

    // MARK: Another start

    /// What the last guest has told the device to do reaches the next one's RAM only where that is mapped for it, or
    /// where it is: at the addresses of the last one's.
    @Test(arguments: [
        // Behind an IOMMU: what may do DMA, what is known to do none, and what is to reach nothing.
        (false, "test,device", VFIODMAMode.automatic, true), (false, "test,device", .iommu, true),
        (false, "arm,pl061", .automatic, false), (false, "arm,pl061", .iommu, false),
        (false, "test,device", .none, false),
        // Without one: by its kind, by the user's word, and in RAM that the next guest gets, too.
        (true, "arm,pl031", .automatic, false), (true, "test,device", .none, false),
        (true, "test,device", .identity, true),
        // A recipe resets it.
        (true, "arm,pl031", .identity, false),
    ])
    func `a device without a reset stands in the way of another start if it may reach the new guest's RAM`(
        isNoIOMMU: Bool, compatible: String, dma: VFIODMAMode, isInTheWay: Bool
    ) throws {
        for (flags, isExpected) in [(VFIODeviceInfo.Flags.platform, isInTheWay), ([.platform, .reset], false)] {
            let host = try Host()
            host.add(
                "device", isNoIOMMU: isNoIOMMU, flags: flags, properties: ["compatible": .string(compatible)])
            let devices = try host.open(settings("device", dma: dma))
            let memory = try MemoryMapping(of: 0, size: 1 << 20, system: host.kernel)
            let connected = try ConnectedDevices(
                devices, vm: try host.makeVM(), memory: [(0x8000_0000, memory)], loop: host.loop, log: host.log.log)
            connected.quiesce()
            let cause = "the host's kernel can't reset it, and Martlet has no recipe for \(compatible)"
            #expect(connected.restartProblems().map(\.reason) == (isExpected ? [.noReset(cause)] : []))
            // It is known before, too.
            #expect(devices.restartProblems == connected.restartProblems())
            guard isExpected else { continue }
            let text = try #require(devices.restartProblems.first?.description)
            #expect(
                text.hasPrefix(
                    "device: on_reset is \"restart\", but nothing resets the device: \(cause)\n"), "\(text)")
            #expect(text.contains("set reset to the steps"))
            #expect(text.contains("allow_unreset_restart"))
            #expect(text.contains("set dma to \"none\"") == !isNoIOMMU, "\(text)")
        }
    }

    /// Whatever the device is: what was to be reset and wasn't is not what the next guest expects.
    @Test(arguments: ["test,device", "arm,pl061"], [VFIODMAMode.automatic, .none])
    func `a reset that fails stands in the way of another start`(compatible: String, dma: VFIODMAMode) throws {
        host.add("device", properties: ["compatible": .string(compatible)])
        let devices = try host.open(settings("device", dma: dma))
        let connected = try connect(devices)
        host.kernel.withState { $0.vfio.devices["device"]?.resetFailure = .ioError }
        connected.quiesce()
        #expect(devices.restartProblems == connected.restartProblems())
        #expect(
            connected.restartProblems().map(\.summary) == [
                "device: the device's reset failed: EIO (Input/output error)"
            ])
        #expect(connected.restartProblems().map(\.reason) == [.failedReset("EIO (Input/output error)")])
    }
}
