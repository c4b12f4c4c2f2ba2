// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
package import LinuxSystem

/// A console on a machine's event loop, as a device of the board sees it.
package struct ConnectedConsole: ConsoleEnd {
    private let console: GuestConsole
    private let loop: EventLoop
    private let command: @Sendable (ConsoleInput.Command) -> Void

    /// - Parameter command: what Ctrl-A and a letter do; on the loop's thread.
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
    package func disconnect() { console.disconnect() }
}
