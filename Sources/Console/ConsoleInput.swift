// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Finds the user's commands to the monitor in what is typed; the rest is the guest's.
///
/// `Ctrl-A x` quits, `Ctrl-A p` presses the power key, `Ctrl-A z` pauses the guest and lets it go on, `Ctrl-A Ctrl-A`
/// sends one Ctrl-A; after any other byte both go to the guest. A Ctrl-A at the end of the input waits for what comes
/// next, so the value has to be kept from read to read.
public struct ConsoleInput: Sendable {
    /// What the user wants of the monitor.
    public enum Command: Sendable {
        /// End the guest at once.
        case quit
        /// Press the guest's power key.
        case pressPowerKey
        /// Pause the guest, or let it go on where it is paused.
        case togglePause
    }

    private static let escape: UInt8 = 0x01

    private var escapePending = false

    /// A parser at the beginning of the input.
    public init() {}

    /// Takes what was read.
    ///
    /// - Returns: the bytes for the guest, and the commands in their order; what was typed after `quit` is dropped.
    public mutating func parse(_ bytes: some Sequence<UInt8>) -> (guestBytes: [UInt8], commands: [Command]) {
        var guestBytes: [UInt8] = []
        var commands: [Command] = []
        for byte in bytes {
            if !escapePending {
                if byte == Self.escape { escapePending = true } else { guestBytes.append(byte) }
                continue
            }
            escapePending = false
            switch byte {
            case UInt8(ascii: "x"): return (guestBytes, commands + [.quit])
            case UInt8(ascii: "p"): commands.append(.pressPowerKey)
            case UInt8(ascii: "z"): commands.append(.togglePause)
            case Self.escape: guestBytes.append(Self.escape)
            default: guestBytes += [Self.escape, byte]
            }
        }
        return (guestBytes, commands)
    }
}
