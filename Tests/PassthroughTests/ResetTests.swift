// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import DeviceTree
import KVM
import KernelFakes
import LinuxSystem
import Synchronization
import Testing
import VFIO

@testable import Passthrough

/// What resets a device, when, and what is said of it.
@Suite struct ResetTests {
    private let host: Host
    private let vm: VirtualMachine

    init() throws {
        host = try Host()
        vm = try host.makeVM()
    }

    private func add(
        _ compatible: String..., flags: VFIODeviceInfo.Flags = .platform, works: Bool = true,
        properties: [String: PropertyValue] = [:]
    ) {
        let part = RecipeCase.all.first { compatible.contains($0.compatible) }
        host.add(
            "device", regions: [part?.region(works: works) ?? .init()], flags: flags,
            properties: properties.merging(["compatible": .strings(compatible)]) { $1 })
    }

    private func settings(_ reset: DeviceReset = .automatic, isRequired: Bool = false) -> PlacedDevice.Settings {
        var settings = PlacedDevice.Settings(.host("device"))
        settings.reset = reset
        settings.requiresReset = isRequired
        return settings
    }

    private func connect(_ devices: PlacedDevices) throws -> ConnectedDevices {
        let memory = try MemoryMapping(of: 0, size: 1 << 20, system: host.kernel)
        return try ConnectedDevices(
            devices, vm: vm, memory: [(0x8000_0000, memory)], loop: host.loop, log: host.log.log)
    }

    /// The writes to the device's registers, and what else is in the journal that begins like one of these.
    private func journal(_ others: String...) -> [String] {
        host.kernel.journal.map(\.description).filter { line in
            line.hasPrefix("  write ") || others.contains { line.hasPrefix($0) }
        }
    }

    private static let pl031 = ["  write 0 0x10 0x0", "  write 0 0x4 0x0", "  write 0 0x1c 0x1"]

    // MARK: Which

    @Test(
        arguments: [
            // VFIO comes first, and the user's word before it.
            (["arm,pl031"], [.platform, .reset], DeviceReset.automatic, "by VFIO"),
            (["arm,pl031", "arm,primecell"], .platform, .automatic, "by Martlet's recipe for arm,pl031"),
            (["vendor,rtc", "arm,pl031"], .platform, .automatic, "by Martlet's recipe for arm,pl031"),
            (
                ["vendor,rtc", "arm,primecell"], .platform, .automatic,
                "none: the host's kernel can't reset it, and Martlet has no recipe for vendor,rtc"
            ),
            (["arm,pl031"], [.platform, .reset], .none, "none: reset is \"none\""),
            (["arm,pl031"], .platform, .none, "none: reset is \"none\""),
            (["arm,pl031"], [.platform, .reset], .steps([.delay(milliseconds: 1)]), "by the configuration's step"),
            (
                ["vendor,rtc"], .platform,
                .steps([.set(.init(offset: 0), mask: 1), .clear(.init(offset: 0), mask: 1)]),
                "by the configuration's 2 steps"
            ),
        ] as [([String], VFIODeviceInfo.Flags, DeviceReset, String)])
    func `what resets a device`(compatible: [String], flags: VFIODeviceInfo.Flags, reset: DeviceReset, text: String)
        throws
    {
        host.add("device", flags: flags, properties: ["compatible": .strings(compatible)])
        let connected = try connect(host.open(settings(reset)))
        let report = try #require(connected.reports().first)
        #expect(report.reset.text == text && report.resetFailure == nil)
        #expect(report.lines.contains("  reset: \(text)"))
        let isNone = text.hasPrefix("none")
        #expect(report.lines.contains { $0.hasPrefix("    the guest gets it in its last state") } == isNone)
        #expect(host.kernel.withState { $0.vfio.devices["device"]?.resetCount } == (text == "by VFIO" ? 1 : 0))
        #expect(host.log.all == [])
    }

    @Test(arguments: ["big-endian", "big-endian-regs"])
    func `big-endian registers have no recipe`(property: String) throws {
        add("generic-ehci", properties: [property: .empty])
        let connected = try connect(host.open(settings()))
        #expect(
            connected.reports().first?.reset.text
                == "none: the host's kernel can't reset it, and the recipe for generic-ehci is for little-endian registers"
        )
        #expect(journal() == [])
    }

    @Test func `a device without a node has no recipe`() throws {
        host.add("device", flags: .platform, properties: [:])
        let error = passthroughError { () throws(PassthroughError) in try host.open(settings(isRequired: true)) }
        #expect(error?.description.contains("and without a compatible there is no recipe") == true)
    }

    /// Whatever a node says of its registers, no access leaves the region.
    @Test(arguments: [
        ["reg-shift": PropertyValue.cell(40)], ["reg-shift": .cell(.max)], ["reg-offset": .cell(.max)],
        ["reg-io-width": .cell(3)], ["reg-io-width": .cell(0)], ["reg-io-width": .cell(.max)],
        ["reg-io-width": .cell(64)], ["reg-offset": .cell(1), "reg-io-width": .cell(4)],
    ])
    func `a node that makes no sense makes an error`(properties: [String: PropertyValue]) throws {
        add("ns16550a", properties: properties)
        let connected = try connect(host.open(settings()))
        #expect(journal() == [])
        #expect(connected.reports().first?.resetFailure != nil)
        #expect(host.log.all.count == 1)
    }

    // MARK: When

    @Test func `a recipe is done at open, between guests and at the end, before DMA is unmapped`() throws {
        add("arm,pl031")
        let devices = try host.open(settings())
        #expect(journal("+ VFIO_IOMMU_MAP_DMA") == Self.pl031)
        do {
            let connected = try connect(devices)
            withExtendedLifetime(connected) {}
        }
        let once = ["+ VFIO_IOMMU_MAP_DMA 0x80000000"] + ["- VFIO_DEVICE_SET_IRQS trigger 0"] + Self.pl031
        #expect(
            journal("+ VFIO_IOMMU_MAP_DMA", "- VFIO_DEVICE_SET_IRQS trigger", "- VFIO_IOMMU_MAP_DMA")
                == Self.pl031 + once + ["- VFIO_IOMMU_MAP_DMA 0x80000000"])
        // The next guest has the same device, open all the time.
        do {
            let connected = try connect(devices)
            connected.quiesce()
            connected.quiesce()
            #expect(connected.restartProblems() == [])
        }
        #expect(journal() == Self.pl031 + Self.pl031 + Self.pl031)
        #expect(devices.restartProblems == [])
    }

    @Test func `steps come in the place of VFIO's reset`() throws {
        add("x", flags: [.platform, .reset])
        host.kernel.withState { $0.vfio.devices["device"]?.regions[0].model = RegisterModel([]) }
        let devices = try host.open(
            settings(.steps([.write(.init(offset: 8), value: 7, mask: 0xFFFF_FFFF), .set(.init(offset: 8), mask: 8)])))
        #expect(journal("  VFIO_DEVICE_RESET") == ["  write 0 0x8 0x7", "  write 0 0x8 0xf"])
        withExtendedLifetime(devices) {}
    }

    @Test func `a step that the device can't have is an error when it is opened`() throws {
        add("x")
        let error = passthroughError { () throws(PassthroughError) in
            try host.open(settings(.steps([.delay(milliseconds: 1), .set(.init(region: 3, offset: 0), mask: 1)])))
        }
        #expect(
            error?.description == """
                device: reset[1] can't be done: set region 3 offset 0x0: bits 0x1: the device has no region 3; it has 1
                  to see the device's regions, run: martlet devices device
                """)
        #expect(!host.kernel.held.contains { $0.contains("VFIO") })
    }

    // MARK: What fails

    @Test func `a recipe that times out is in the report, and an error where a reset is required`() throws {
        add("snps,designware-i2c", works: false)
        let text = "poll region 0 offset 0x9c: bits 0x1 = 0x0 timed out after 100 ms at 0x1"
        let error = passthroughError { () throws(PassthroughError) in try host.open(settings(isRequired: true)) }
        #expect(error?.description.hasPrefix("device: the reset failed: \(text)\n") == true)
        #expect(error?.description.contains("\n  require_reset is set: ") == true)
        #expect(!host.kernel.held.contains { $0.contains("VFIO") })

        let connected = try connect(host.open(settings()))
        #expect(host.log.all.count == 1)
        #expect(host.log.all.first?.hasPrefix("warning: device: the reset failed: \(text)") == true)
        #expect(connected.reports().first?.resetFailure == text)
        #expect(connected.restartProblems().map(\.reason) == [.failedReset(text)])
        // The next one counts.
        host.kernel.withState {
            $0.vfio.devices["device"]?.regions[0] = RecipeCase.named("snps,designware-i2c").region()
        }
        connected.quiesce()
        #expect(connected.reports().first?.resetFailure == nil)
        #expect(connected.restartProblems() == [])
    }

    @Test func `a device that a recipe resets is accepted where a reset is required`() throws {
        add("arm,pl031")
        _ = try host.open(settings(isRequired: true))
    }

    // MARK: The guest's lines

    @Test func `an assertion of the device's own line resets it, one of a part doesn't`() throws {
        add("arm,pl031")
        let devices = try host.open(settings())
        let own = devices.devices[0].addResetLine(resets: true)
        let part = devices.devices[0].addResetLine(resets: false)
        let connected = try connect(devices)
        #expect(
            connected.reports().first?.lines.contains(
                "  reset lines: 2, asserted 0 times; one of the device's own resets it") == true)
        part()
        #expect(journal() == Self.pl031)
        own()
        #expect(journal() == Self.pl031 + Self.pl031, "it is done when the call returns")
        let report = try #require(connected.reports().first)
        #expect(report.reset.lineCount == 2 && report.reset.assertionCount == 2)
    }

    @Test func `a line of a device that nothing resets is a stand-in, and the report says so`() throws {
        add("x")
        let devices = try host.open(settings())
        let line = devices.devices[0].addResetLine(resets: true)
        let connected = try connect(devices)
        line()
        #expect(
            connected.reports().first?.lines.contains(
                "  reset lines: 1, asserted once; stand-ins that reset nothing") == true)
        #expect(journal("  VFIO_DEVICE_RESET") == [])
    }

    @Test func `a reset that the guest asked for and that fails is told`() throws {
        host.add("device")
        let devices = try host.open(settings())
        let line = devices.devices[0].addResetLine(resets: true)
        let connected = try connect(devices)
        host.kernel.withState { $0.vfio.devices["device"]?.resetFailure = .ioError }
        // A guest may do so without end.
        for _ in 0..<3 { line() }
        #expect(host.log.all.count == 1)
        #expect(host.log.all.first?.contains("\n  the guest has asserted a reset line of the device; ") == true)
        #expect(connected.reports().first?.resetFailure == "EIO (Input/output error)")
    }

    /// Two vCPUs at once: the steps of one reset aren't mixed with those of another.
    @Test func `resets come one after the other`() throws {
        add("arm,pl031")
        let devices = try host.open(settings())
        let line = devices.devices[0].addResetLine(resets: true)
        let threads = try (0..<4).map { index in
            try SystemThread(name: "vcpu\(index)") { for _ in 0..<50 { line() } }
        }
        for thread in threads { thread.join() }
        #expect(journal() == (0..<201).flatMap { _ in Self.pl031 })
    }
}
