// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Finds the user's commands to Martlet in the typed input; the rest is for the guest.
///
/// `Ctrl-A x` quits, `Ctrl-A p` presses the power key, `Ctrl-A z` pauses or resumes the guest, `Ctrl-A Ctrl-A` sends
/// one Ctrl-A. Before any other byte the Ctrl-A goes to the guest with that byte. A Ctrl-A at the end of the input
/// waits for the next byte, so the value must be kept between reads.
public struct ConsoleInput: Sendable {
    /// A command of the user to Martlet.
    public enum Command: Sendable {
        /// End the guest at once.
        case quit
        /// Press the guest's power key.
        case pressPowerKey
        /// Pause the guest, or resume it if it is paused.
        case togglePause
    }

    private static let escape: UInt8 = 0x01

    private var escapePending = false

    /// A parser at the beginning of the input.
    public init() {}

    /// Parses bytes that were read.
    ///
    /// - Returns: the bytes for the guest, and the commands in their order; input after `quit` is dropped.
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
