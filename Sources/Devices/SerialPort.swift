// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceTree
internal import LinuxSystem
public import PlatformBus

/// The board's serial port: an ns16550a that is connected to the user's console.
public struct SerialPort: BoardDevice {
    /// Its name in messages. The guest's `/aliases` and overlays call it `serial0` or `serial`.
    public let name = "serial port"
    /// A page of 4 KiB, of which the port uses 8 bytes.
    public var windows: [WindowRequest] {
        [WindowRequest(size: NS16550A.byteCount, .fixed(GuestAddress(0x0900_0000)))]
    }
    /// The port's interrupt, INTRPT of the 16550.
    public var lines: [InterruptTrigger] { [.level] }

    /// The console of the board.
    public init() {}

    /// - SeeAlso: Devicetree binding serial/8250.yaml
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        // The binding's default is one byte for each register, so `reg-shift` and `reg-io-width` are omitted.
        [
            Node(
                place.nodeName("serial"),
                [
                    "compatible": .string("ns16550a"), "reg": place.registers,
                    "interrupts": place.interrupt(0, .level), "clock-frequency": .cell(NS16550A.clockFrequency),
                ])
        ]
    }

    /// - Throws: `BoardDeviceError.bus`, `.call` when the console can't be watched.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LiveSerialPort(name, place, context)
    }
}

/// A serial port on the bus, connected to the console.
private final class LiveSerialPort: LiveDevice {
    private let console: any ConsoleEnd
    private let attachment: BusAttachment

    init(_ name: String, _ place: Place, _ context: DeviceContext) throws(BoardDeviceError) {
        let console = context.console
        let port = NS16550A(
            line: context.line(place.lines[0]), output: ConsoleOutputPin(console: console),
            inputReady: { console.inputReady() })
        attachment = try context.attach(port, name: name, to: place.windows[0])
        self.console = console
        // From here on a throw runs deinit.
        do { try console.connect { port.receive($0) } } catch { throw .call("epoll_ctl", errno: error) }
    }

    func pause() { console.pause() }
    func resume() { console.resume() }

    deinit { console.disconnect() }
}

/// The transmit pin of a serial port.
private struct ConsoleOutputPin: SerialOutput {
    let console: any ConsoleEnd
    func transmit(_ byte: UInt8) { console.transmit(byte) }
}
