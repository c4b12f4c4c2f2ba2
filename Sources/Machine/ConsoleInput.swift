// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Finds the user's commands to the monitor in what is typed; the rest is the guest's.
///
/// `Ctrl-A x` quits, `Ctrl-A Ctrl-A` sends one Ctrl-A; after any other byte both go to the guest. A Ctrl-A at the end of
/// the input waits for what comes next, so the value has to be kept from read to read.
public struct ConsoleInput: Sendable {
    private static let escape: UInt8 = 0x01
    private static let quit = UInt8(ascii: "x")

    private var escapePending = false

    /// A parser at the beginning of the input.
    public init() {}

    /// Takes what was read.
    ///
    /// - Returns: the bytes for the guest, and whether the user wants to quit; what was typed after that is dropped.
    public mutating func parse(_ bytes: some Sequence<UInt8>) -> (guestBytes: [UInt8], quits: Bool) {
        var guestBytes: [UInt8] = []
        for byte in bytes {
            if !escapePending {
                if byte == Self.escape { escapePending = true } else { guestBytes.append(byte) }
                continue
            }
            escapePending = false
            switch byte {
            case Self.quit: return (guestBytes, true)
            case Self.escape: guestBytes.append(Self.escape)
            default: guestBytes += [Self.escape, byte]
            }
        }
        return (guestBytes, false)
    }
}
