// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
package import LinuxSystem

/// A console on a machine's event loop, in the form that a device of the board uses.
package struct ConnectedConsole: ConsoleEnd {
    private let console: GuestConsole
    private let loop: EventLoop
    private let command: @Sendable (ConsoleInput.Command) -> Void

    /// - Parameter command: called on the loop's thread for Ctrl-A and a command's letter.
    package init(
        console: GuestConsole, loop: EventLoop, command: @escaping @Sendable (ConsoleInput.Command) -> Void
    ) {
        self.console = console
        self.loop = loop
        self.command = command
    }

    package func transmit(_ byte: UInt8) { console.output.transmit(byte) }
    package func inputReady() { console.inputReady() }
    package func connect(_ receive: @escaping @Sendable ([UInt8]) -> Int) throws(Errno) {
        try console.connect(to: loop, receive: receive, command: command)
    }
    package func pause() { console.pause() }
    package func resume() { console.resume() }
    package func disconnect() { console.disconnect() }
}
