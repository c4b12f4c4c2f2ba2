// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import PlatformBus
import Testing

@testable import Machine

@Suite struct BoardLayoutTests {
    private func layout(_ mebibytes: Int, addressBits: Int = 40) throws(MachineError) -> BoardLayout {
        try BoardLayout(MachineConfig(memoryMebibytes: mebibytes), addressBits: addressBits, devices: standardDevices)
    }

    private func layout(
        ram: UInt64, mebibytes: Int = 128, bus: MachineConfig.Window? = nil, addressBits: Int = 40
    ) throws(MachineError) -> BoardLayout {
        try BoardLayout(
            MachineConfig(memoryMebibytes: mebibytes, ramBase: ram, platformBus: bus), addressBits: addressBits,
            devices: standardDevices)
    }

    @Test func `everything has its place from low to high`() throws {
        let layout = try layout(128)
        #expect(layout.interruptController.description == "0x8000000-0x849ffff")
        #expect(layout.serial.description == "0x9000000-0x9000007")
        #expect(layout.clock.description == "0x9010000-0x9010fff")
        #expect(layout.powerKey.description == "0x9030000-0x9030fff")
        #expect(layout.windows.first?.description == "0xc000000-0x7fffffff")
        #expect(layout.ram.description == "0x80000000-0x87ffffff")
        // On the next whole GiB above RAM, up to what the host has.
        #expect(layout.windows.last?.description == "0xc0000000-0xffffffffff")
        #expect(layout.windows.count == 2)
    }

    @Test(arguments: [16, 128, 2048, 4096, 1_044_480])
    func `nothing overlaps`(mebibytes: Int) throws {
        let layout = try layout(mebibytes)
        let ranges =
            [layout.interruptController, layout.serial, layout.clock, layout.powerKey, layout.ram] + layout.windows
        for (index, range) in ranges.enumerated() {
            for other in ranges[(index + 1)...] { #expect(!range.overlaps(other), "\(range), \(other)") }
        }
        #expect(layout.ram.size == UInt64(mebibytes) << 20)
    }

    /// GICv3: 64 KiB of distributor and 128 KiB for each of 32 vCPUs; GICv2: 4 KiB and 8 KiB.
    @Test func `the interrupt controllers frames are inside`() throws {
        let layout = try layout(16)
        let frame = layout.interruptController
        let v3 = layout.interruptController(.v3)
        let v2 = layout.interruptController(.v2)
        for (base, size) in [
            (v3.distributor, 0x10000), (v3.secondFrame, 32 * 0x20000), (v2.distributor, 0x1000),
            (v2.secondFrame, 0x2000),
        ] as [(UInt64, UInt64)] {
            let range = try #require(GuestRange(base: GuestAddress(base), size: size))
            #expect(frame.contains(range))
        }
        #expect(v3.distributor + 0x10000 <= v3.secondFrame)
        #expect(v2.distributor + 0x1000 <= v2.secondFrame)
    }

    @Test func `there is no second window where nothing is left`() throws {
        #expect(try layout(2048, addressBits: 32).windows.count == 1)
        #expect(try layout(2048, addressBits: 33).windows.count == 2)
        #expect(try layout(1_046_528).windows.count == 1)
    }

    @Test(arguments: [(2049, 32), (6145, 33), (1_046_529, 40), (1_048_576, 40), (Int.max, 64), (1, 31)])
    func `more than the hosts addresses is refused`(mebibytes: Int, addressBits: Int) {
        let error = machineError { () throws(MachineError) in try layout(mebibytes, addressBits: addressBits) }
        #expect(
            error == .addressSpace(mebibytes: mebibytes, base: GuestAddress(0x8000_0000), addressBits: addressBits))
    }

    @Test func `sixty four bits do not trap`() throws {
        #expect(try layout(128, addressBits: 64).windows.last?.last.rawValue == .max)
    }

    // MARK: Other addresses

    @Test(
        arguments: [
            // Below the board's devices, between two of them, in the first window's place, behind it, far up.
            (0, 128, ["0xc000000-0xffffffffff"]), (0x960_0000, 16, ["0xc000000-0xffffffffff"]),
            (0xC00_0000, 128, ["0x40000000-0xffffffffff"]),
            (0x4000_0000, 1024, ["0xc000000-0x3fffffff", "0x80000000-0xffffffffff"]),
            (0x40_0000_0000, 128, ["0xc000000-0x3fffffffff", "0x4040000000-0xffffffffff"]),
            (0xFF_F800_0000, 128, ["0xc000000-0xfff7ffffff"]),
        ] as [(UInt64, Int, [String])])
    func `RAM may be elsewhere and the windows follow`(base: UInt64, mebibytes: Int, windows: [String]) throws {
        let layout = try layout(ram: base, mebibytes: mebibytes)
        #expect(layout.ram.base.rawValue == base)
        #expect(layout.windows.map(\.description) == windows)
        for window in layout.windows { #expect(!window.overlaps(layout.ram) && !window.overlaps(layout.clock)) }
    }

    @Test func `a platform bus of the users is the only window`() throws {
        let layout = try layout(ram: 0x4000_0000, bus: .init(base: 0x2000_0000, size: 0x100_0000))
        #expect(layout.windows.map(\.description) == ["0x20000000-0x20ffffff"])
    }

    @Test(
        arguments: [
            (0, 129, "interrupt controller at 0x8000000-0x849ffff"),
            (0x820_0000, 16, "interrupt controller at 0x8000000-0x849ffff"),
            (0x860_0000, 16, "serial port at 0x9000000-0x9000007"),
            (0x900_0000, 16, "serial port at 0x9000000-0x9000007"),
        ] as [(UInt64, Int, String)])
    func `RAM in the way of the board names both`(base: UInt64, mebibytes: Int, owner: String) throws {
        let error = machineError { () throws(MachineError) in try layout(ram: base, mebibytes: mebibytes) }
        guard case .overlaps(let conflicts)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(conflicts.first?.part.key == "machine-config.ram_base" && conflicts.first?.part.name == "RAM")
        #expect(conflicts.first?.part.range.base.rawValue == base)
        #expect(conflicts.contains { "\($0.owner.name) at \($0.owner.range)" == owner })
    }

    @Test(
        arguments: [
            (0x800_0000, "interrupt controller at 0x8000000-0x849ffff"),
            (0x900_0000, "serial port at 0x9000000-0x9000007"),
            (0x901_0000, "RTC at 0x9010000-0x9010fff"),
            (0x8000_0000, "RAM (machine-config.ram_base) at 0x80000000-0x87ffffff"),
        ] as [(UInt64, String)])
    func `a platform bus in the way names both`(base: UInt64, owner: String) {
        let error = machineError { () throws(MachineError) in
            try layout(ram: 0x8000_0000, bus: .init(base: base, size: 0x1000))
        }
        let last = String(base + 0xFFF, radix: 16)
        guard case .overlaps(let conflicts)? = error, let first = conflicts.first else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(first.part.key == "machine-config.platform_bus" && first.part.name == "platform bus")
        #expect("\(first.part.range)" == "0x\(String(base, radix: 16))-0x\(last)")
        let key = first.owner.key.map { " (\($0))" } ?? ""
        #expect("\(first.owner.name)\(key) at \(first.owner.range)" == owner)
    }

    /// The power key's address is only preferred: RAM, the platform bus and passed-through devices may be there.
    @Test(
        arguments: [
            (0x960_0000, nil, [], 0x903_0000), (0x8000_0000, (0x903_0000, 0x1000), [], 0x903_1000),
            (0x8000_0000, nil, [(0x903_0000, 0x1000)], 0x903_1000),
            (0x8000_0000, nil, [(0x902_f000, 0x2000)], 0x903_1000),
        ] as [(UInt64, (UInt64, UInt64)?, [(UInt64, UInt64)], UInt64)])
    func `a device that may move gives way`(
        ram: UInt64, bus: (UInt64, UInt64)?, others: [(UInt64, UInt64)], key: UInt64
    ) throws {
        let layout = try BoardLayout(
            MachineConfig(memoryMebibytes: 16, ramBase: ram, platformBus: bus.map { .init(base: $0.0, size: $0.1) }),
            addressBits: 40, devices: standardDevices,
            avoiding: try others.map { try #require(GuestRange(base: GuestAddress($0), size: $1)) })
        #expect(layout.powerKey.base.rawValue == key)
    }

    @Test func `every overlap is told`() {
        let error = machineError { () throws(MachineError) in
            try layout(ram: 0, mebibytes: 256, bus: .init(base: 0, size: 0x1_0000_0000))
        }
        guard case .overlaps(let conflicts)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(conflicts.count == 7)
        #expect(
            conflicts.contains {
                $0.part.name == "platform bus" && $0.owner.name == "RAM" && $0.owner.key == "machine-config.ram_base"
            })
    }

    @Test func `more than the hosts addresses is refused elsewhere too`() {
        let high = machineError { () throws(MachineError) in try layout(ram: 1 << 40) }
        #expect(
            high == .addressSpace(mebibytes: 128, base: GuestAddress(0x100_0000_0000), addressBits: 40))
        let bus = machineError { () throws(MachineError) in
            try layout(ram: 0x8000_0000, bus: .init(base: 0xFF_FFFF_F000, size: 0x2000))
        }
        #expect(
            bus == .busSpace(base: GuestAddress(0xFF_FFFF_F000), size: 0x2000, addressBits: 40))
    }
}
