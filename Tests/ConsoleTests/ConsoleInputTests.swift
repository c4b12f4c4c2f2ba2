// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import Testing

@testable import Console

@Suite struct ConsoleInputTests {
    private static let a: UInt8 = 1  // Ctrl-A

    @Test func `ordinary bytes reach the guest`() {
        var input = ConsoleInput()
        let (bytes, commands) = input.parse([0x03, 0x04, 0x78, 0x1b, 0xff, 0x00])
        #expect(bytes == [0x03, 0x04, 0x78, 0x1b, 0xff, 0x00])
        #expect(commands.isEmpty)
    }

    @Test func `control a then x quits`() {
        var input = ConsoleInput()
        let (bytes, commands) = input.parse([0x61, Self.a, UInt8(ascii: "x"), 0x62])
        #expect(bytes == [0x61])
        #expect(commands == [.quit])
    }

    @Test func `control a twice sends one`() {
        var input = ConsoleInput()
        // The x after a finished pair is no command.
        let (bytes, commands) = input.parse([Self.a, Self.a, UInt8(ascii: "x")])
        #expect(bytes == [Self.a, UInt8(ascii: "x")])
        #expect(commands.isEmpty)
    }

    @Test func `anything else passes both`() {
        var input = ConsoleInput()
        let (bytes, commands) = input.parse([Self.a, UInt8(ascii: "X"), Self.a, 0])
        #expect(bytes == [Self.a, UInt8(ascii: "X"), Self.a, 0])
        #expect(commands.isEmpty)
    }

    @Test func `the state is kept from read to read`() {
        var input = ConsoleInput()
        #expect(input.parse([Self.a]).guestBytes.isEmpty)
        #expect(input.parse([]).guestBytes.isEmpty)
        #expect(input.parse([UInt8(ascii: "c")]).guestBytes == [Self.a, UInt8(ascii: "c")])
        #expect(input.parse([Self.a]).guestBytes.isEmpty)
        #expect(input.parse([Self.a]).guestBytes == [Self.a])
        #expect(input.parse([UInt8(ascii: "x")]).commands.isEmpty)
        #expect(input.parse([Self.a]).guestBytes.isEmpty)
        #expect(input.parse([UInt8(ascii: "x")]).commands == [.quit])
    }

    @Test func `Ctrl-A p presses the power key, and what follows still counts`() {
        var input = ConsoleInput()
        let (bytes, commands) = input.parse([Self.a, UInt8(ascii: "p"), 0x61, Self.a, UInt8(ascii: "x"), 0x62])
        #expect(bytes == [0x61])
        #expect(commands == [.pressPowerKey, .quit])
    }

    @Test func `Ctrl-A z pauses and lets go on, and z alone is the guest's`() {
        var input = ConsoleInput()
        let (bytes, commands) = input.parse([
            UInt8(ascii: "z"), Self.a, UInt8(ascii: "z"), 0x61, Self.a, UInt8(ascii: "z"),
        ])
        #expect(bytes == [UInt8(ascii: "z"), 0x61])
        #expect(commands == [.togglePause, .togglePause])
    }
}
