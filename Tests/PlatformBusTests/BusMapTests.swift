// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PlatformBus
import Testing

@Suite struct BusMapTests {
    /// A window of 1 MiB below RAM and one of 16 MiB above.
    let low = GuestAddress(0x1000_0000)
    let high = GuestAddress(0x1_0000_0000)

    @Test func `the controller needs SPIs up to the highest in use`() throws {
        let bus = try makeBus(spiCount: 100)
        #expect(bus.neededSPICount == 0)
        _ = try bus.allocateSPI("first")
        #expect(bus.neededSPICount == 1)
        try bus.reserveSPI(SPI(rawValue: 70), "fixed")
        _ = try bus.allocateSPI("second")
        #expect(bus.neededSPICount == 71)
        bus.releaseSPI(SPI(rawValue: 70))
        #expect(bus.neededSPICount == 2)
    }

    func makeBus(spiCount: UInt32 = 8) throws -> BusMap {
        // Out of order on purpose: the low one comes first all the same.
        BusMap(
            windows: [try testRange(0x1_0000_0000, 0x100_0000), try testRange(0x1000_0000, 0x10_0000)],
            spiCount: spiCount)
    }

    @Test func `overlap names both owners and ranges`() throws {
        let bus = try makeBus()
        try bus.reserve("RAM", testRange(0x8000_0000, 0x1000_0000))
        let wanted = try testRange(0x7fff_f000, 0x2000)
        let error = #expect(throws: PlatformBusError.self) { try bus.reserve("gic", wanted) }
        #expect(
            try error
                == .overlap(name: "gic", range: wanted, owner: "RAM", taken: testRange(0x8000_0000, 0x1000_0000)))
        let text = try #require(error).description
        #expect(text.contains("gic: guest address range 0x7ffff000-0x80000fff overlaps RAM at 0x80000000-0x8fffffff"))
    }

    @Test func `regions are listed in ascending order`() throws {
        let bus = try makeBus()
        try bus.reserve("b", testRange(0x2000, 0x1000))
        try bus.reserve("c", testRange(0x3000, 0x1000))
        try bus.reserve("a", testRange(0x1000, 0x1000))
        #expect(bus.regions.map(\.name) == ["a", "b", "c"])
    }

    @Test func `windows are naturally aligned first fit`() throws {
        let bus = try makeBus()
        let small = try bus.allocateWindow("small", size: 0x200)
        let big = try bus.allocateWindow("big", size: 0x1_8000)
        let gap = try bus.allocateWindow("gap", size: 0x1000)
        #expect(small == (try testRange(0x1000_0000, 0x200)))
        // 0x18000 rounds up to 0x20000.
        #expect(big == (try testRange(0x1002_0000, 0x1_8000)))
        #expect(gap == (try testRange(0x1000_1000, 0x1000)))
    }

    @Test func `what does not fit below goes to the high window`() throws {
        let bus = try makeBus()
        let large = try bus.allocateWindow("gpu", size: 0x80_0000)
        #expect(large.base == high)
        let exact = try bus.allocateWindow("exact", size: 0x10_0000)
        #expect(exact.base == low)
        #expect(try bus.allocateWindow("next", size: 1).base == GuestAddress(0x1_0080_0000))
    }

    @Test func `a full bus says so`() throws {
        let bus = try makeBus()
        let error = #expect(throws: PlatformBusError.self) { try bus.allocateWindow("gpu", size: 0x200_0000) }
        #expect(
            error
                == .windowFull(name: "gpu", size: 0x200_0000, alignment: 0x200_0000, windows: bus.windows))
        #expect(bus.regions.isEmpty)
    }

    @Test(arguments: [0x8000_0000_0000_0001, UInt64.max])
    func `absurd sizes are refused without trapping`(size: UInt64) throws {
        let bus = try makeBus()
        #expect(throws: PlatformBusError.windowFull(name: "gpu", size: size, alignment: 1 << 63, windows: bus.windows))
        {
            try bus.allocateWindow("gpu", size: size)
        }
    }

    @Test func `no bytes are no window`() throws {
        let bus = try makeBus()
        #expect(throws: PlatformBusError.invalidRange(name: "a", base: nil, size: 0)) {
            try bus.allocateWindow("a", size: 0)
        }
        #expect(throws: PlatformBusError.invalidAlignment(name: "a", alignment: 3)) {
            try bus.allocateWindow("a", size: 1, alignment: 3)
        }
    }

    @Test func `a window at the top of the address space is usable`() throws {
        let bus = BusMap(windows: [try testRange(0xffff_ffff_ffff_e000, 0x2000)], spiCount: 0)
        #expect(try bus.allocateWindow("a", size: 0x1000).base == GuestAddress(0xffff_ffff_ffff_e000))
        #expect(try bus.allocateWindow("b", size: 0x1000).last == GuestAddress(UInt64.max))
        #expect(throws: PlatformBusError.self) { try bus.allocateWindow("c", size: 1) }
    }

    @Test func `a claim across a windows edge is skipped`() throws {
        let bus = try makeBus()
        try bus.reserve("gic", testRange(0x0fff_0000, 0x1_1000))
        #expect(try bus.allocateWindow("a", size: 0x1000).base == GuestAddress(0x1000_1000))
    }

    @Test func `fixed addresses`() throws {
        let bus = try makeBus()
        let first = try bus.allocateWindow("a", size: 0x1000, at: GuestAddress(0x1000_8000))
        #expect(first == (try testRange(0x1000_8000, 0x1000)))
        #expect(
            throws: PlatformBusError.overlap(
                name: "b", range: try testRange(0x1000_7000, 0x2000), owner: "a", taken: first)
        ) { try bus.allocateWindow("b", size: 0x2000, at: GuestAddress(0x1000_7000)) }
        #expect(
            throws: PlatformBusError.outsideWindow(
                name: "b", range: try testRange(0x100f_f000, 0x2000), windows: bus.windows)
        ) { try bus.allocateWindow("b", size: 0x2000, at: GuestAddress(0x100f_f000)) }
        #expect(
            throws: PlatformBusError.misaligned(name: "b", address: GuestAddress(0x1000_0200), alignment: 4096)
        ) { try bus.allocateWindow("b", size: 0x1000, alignment: 4096, at: GuestAddress(0x1000_0200)) }
        #expect(
            throws: PlatformBusError.invalidRange(name: "b", base: GuestAddress(.max), size: 2)
        ) { try bus.allocateWindow("b", size: 2, at: GuestAddress(.max)) }
        #expect(bus.regions.count == 1)
    }

    @Test func `attach claims its range or uses the owners own`() throws {
        let bus = try makeBus()
        let device = RecordingDevice()
        let window = try bus.allocateWindow("rtc", size: 0x1000)
        try bus.attach("rtc", window, to: device)
        #expect(bus.regions.count == 1)
        #expect(throws: PlatformBusError.overlap(name: "rtc", range: window, owner: "rtc", taken: window)) {
            try bus.attach("rtc", window, to: device)
        }
        #expect(throws: PlatformBusError.self) { try bus.attach("serial", window, to: device) }
        try bus.attach("serial", testRange(0x900_0000, 0x1000), to: device)
        #expect(bus.regions.map(\.name) == ["serial", "rtc"])
    }

    @Test func `another owners claim can't be attached to`() throws {
        let bus = try makeBus()
        try bus.reserve("RAM", testRange(0x8000_0000, 0x1000))
        #expect(throws: PlatformBusError.self) {
            try bus.attach("rtc", testRange(0x8000_0000, 0x100), to: RecordingDevice())
        }
    }

    @Test func `what is removed is free again`() throws {
        let bus = try makeBus()
        let device = RecordingDevice()
        let first = try bus.allocateWindow("a", size: 0x1000)
        try bus.attach("a", first, to: device)
        let second = try bus.allocateWindow("b", size: 0x1000)
        bus.remove(first)
        #expect(bus.regions.map(\.name) == ["b"])
        #expect(try bus.allocateWindow("c", size: 0x1000) == first)
        try bus.attach("c", first, to: device)
        bus.removeAll(owner: "b")
        #expect(try bus.allocateWindow("d", size: 0x1000) == second)
        #expect(try bus.allocateSPI("d") == SPI(rawValue: 0))
    }

    @Test func `removal releases the device`() throws {
        let bus = try makeBus()
        weak var gone: RecordingDevice?
        try {
            let device = RecordingDevice()
            gone = device
            try bus.attach("a", testRange(0x1000, 0x1000), to: device)
        }()
        #expect(gone != nil)
        bus.removeAll(owner: "a")
        #expect(gone == nil)
    }

    @Test func `spis are handed out from the lowest free`() throws {
        let bus = try makeBus(spiCount: 4)
        try bus.reserveSPI(SPI(rawValue: 1), "serial")
        #expect(try bus.allocateSPI("a") == SPI(rawValue: 0))
        #expect(try bus.allocateSPI("a") == SPI(rawValue: 2))
        #expect(try bus.allocateSPI("b") == SPI(rawValue: 3))
        #expect(throws: PlatformBusError.noSPI(name: "c", count: 4)) { try bus.allocateSPI("c") }
        #expect(bus.interrupts.map(\.name) == ["a", "serial", "a", "b"])
        bus.releaseSPI(SPI(rawValue: 2))
        bus.releaseSPI(SPI(rawValue: 2))
        #expect(try bus.allocateSPI("c") == SPI(rawValue: 2))
        bus.removeAll(owner: "a")
        #expect(try bus.allocateSPI("d") == SPI(rawValue: 0))
        #expect(throws: PlatformBusError.noSPI(name: "d", count: 4)) { try bus.allocateSPI("d") }
    }

    @Test func `reserved SPIs are checked`() throws {
        let bus = try makeBus(spiCount: 4)
        try bus.reserveSPI(SPI(rawValue: 3), "serial")
        #expect(throws: PlatformBusError.spiTaken(name: "rtc", spi: SPI(rawValue: 3), owner: "serial")) {
            try bus.reserveSPI(SPI(rawValue: 3), "rtc")
        }
        #expect(throws: PlatformBusError.spiOutOfRange(name: "rtc", spi: SPI(rawValue: 4), count: 4)) {
            try bus.reserveSPI(SPI(rawValue: 4), "rtc")
        }
    }

    @Test func `all of the GI cs SPIs are used`() throws {
        let bus = BusMap(windows: [], spiCount: 5000)
        var highest = SPI(rawValue: 0)
        for _ in 0..<988 { highest = try bus.allocateSPI("a") }
        #expect(highest.intid == 1019)
        #expect(throws: PlatformBusError.noSPI(name: "a", count: 988)) { try bus.allocateSPI("a") }
        #expect(SPI(rawValue: .max).intid == 31)
    }

    @Test func `without windows the text says so`() {
        let bus = BusMap(windows: [], spiCount: 0)
        let error = #expect(throws: PlatformBusError.self) { try bus.allocateWindow("a", size: 1) }
        #expect(error?.description.contains("it has no window") == true)
    }
}
