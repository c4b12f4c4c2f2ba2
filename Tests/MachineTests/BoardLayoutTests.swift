// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import PlatformBus
import Testing

@testable import Machine

@Suite struct BoardLayoutTests {
    private func layout(_ mebibytes: Int, addressBits: Int = 40) throws(MachineError) -> BoardLayout {
        try BoardLayout(memoryMebibytes: mebibytes, addressBits: addressBits)
    }

    @Test func everythingHasItsPlaceFromLowToHigh() throws {
        let layout = try layout(128)
        #expect(layout.interruptController.description == "0x8000000-0x849ffff")
        #expect(layout.serial.description == "0x9000000-0x9000007")
        #expect(layout.clock.description == "0x9010000-0x9010fff")
        #expect(layout.windows.first?.description == "0xc000000-0x7fffffff")
        #expect(layout.ram.description == "0x80000000-0x87ffffff")
        // On the next whole GiB above RAM, up to what the host has.
        #expect(layout.windows.last?.description == "0xc0000000-0xffffffffff")
        #expect(layout.windows.count == 2)
    }

    @Test(arguments: [16, 128, 2048, 4096, 1_044_480])
    func nothingOverlaps(mebibytes: Int) throws {
        let layout = try layout(mebibytes)
        let ranges = [layout.interruptController, layout.serial, layout.clock, layout.ram] + layout.windows
        for (index, range) in ranges.enumerated() {
            for other in ranges[(index + 1)...] { #expect(!range.overlaps(other), "\(range), \(other)") }
        }
        #expect(layout.ram.size == UInt64(mebibytes) << 20)
    }

    /// GICv3: 64 KiB of distributor and 128 KiB for each of 32 vCPUs; GICv2: 4 KiB and 8 KiB.
    @Test func theInterruptControllersFramesAreInside() throws {
        let frame = try layout(16).interruptController
        let v3 = BoardLayout.interruptController(.v3)
        let v2 = BoardLayout.interruptController(.v2)
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

    @Test func thereIsNoSecondWindowWhereNothingIsLeft() throws {
        #expect(try layout(2048, addressBits: 32).windows.count == 1)
        #expect(try layout(2048, addressBits: 33).windows.count == 2)
        #expect(try layout(1_046_528).windows.count == 1)
    }

    @Test(arguments: [(2049, 32), (6145, 33), (1_046_529, 40), (1_048_576, 40), (Int.max, 64), (1, 31)])
    func moreThanTheHostsAddressesIsRefused(mebibytes: Int, addressBits: Int) {
        let error = machineError { () throws(MachineError) in try layout(mebibytes, addressBits: addressBits) }
        let text = error?.description ?? ""
        #expect(text.hasPrefix("machine-config.mem_size_mib: \(mebibytes) MiB from 2 GiB up do not fit"))
        #expect(text.contains("\(addressBits) address bits"))
        #expect(text.hasSuffix("\n  reduce machine-config.mem_size_mib"))
    }

    @Test func sixtyFourBitsDoNotTrap() throws {
        #expect(try layout(128, addressBits: 64).windows.last?.last.rawValue == .max)
    }
}
