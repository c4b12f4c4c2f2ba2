// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import GuestMemory
public import KVM
public import LinuxSystem
public import PlatformBus

/// What a device finds when it comes alive: the VM, its bus, and the threads and channels of its host.
public struct DeviceContext: Sendable {
    /// The VM that it is a part of.
    public let vm: VirtualMachine
    /// The guest's RAM.
    package let memory: GuestRAM
    /// Takes handlers of trapped accesses.
    public let bus: BusMap
    /// The thread that waits for what happens outside.
    public let loop: EventLoop
    /// The user's end of the guest's console.
    public let console: any ConsoleEnd
    /// What a device offers to whoever runs the machine.
    public let controls: BoardControls
    /// Where a device's messages go.
    public let log: Log

    /// Puts the parts together.
    package init(
        vm: VirtualMachine, memory: GuestRAM, bus: BusMap, loop: EventLoop, console: any ConsoleEnd,
        controls: BoardControls, log: Log
    ) {
        self.vm = vm
        self.memory = memory
        self.bus = bus
        self.loop = loop
        self.console = console
        self.controls = controls
        self.log = log
    }

    /// The kernel, for calls outside KVM and VFIO.
    public var system: any SystemCalls { vm.system }

    /// Has `handler` take the trapped accesses to a window of the device, for as long as the result lives.
    /// - Parameter name: the device's, which owns the window.
    /// - Throws: `BoardDeviceError.bus` where something else handles the window.
    public func attach(
        _ handler: any MMIODevice, name: String, to window: GuestRange
    ) throws(BoardDeviceError) -> BusAttachment {
        do { return try BusAttachment(handler, name: name, range: window, on: bus) } catch { throw .bus(error) }
    }

    /// The wire to the interrupt controller for `spi`.
    public func line(_ spi: SPI) -> any InterruptLine { KVMInterruptLine(vm: vm, spi: spi) }
}

/// The user's end of the guest's console. One device at a time is connected to it.
public protocol ConsoleEnd: Sendable {
    /// Takes a byte from the guest, on a vCPU thread. It may wait for a slow reader, but not forever.
    func transmit(_ byte: UInt8)
    /// The guest has read all that it had: `receive` may be offered more. Called on a vCPU thread; it only signals.
    func inputReady()
    /// Feeds what the user types to `receive`, on the event loop's thread, until `disconnect`.
    /// - Parameter receive: returns how many of the bytes it took, from the first on.
    /// - Throws: the errno of epoll_ctl(2); the console is not connected then.
    func connect(_ receive: @escaping @Sendable ([UInt8]) -> Int) throws(Errno)
    /// Keeps what the user types until `resume`.
    func pause()
    /// Feeds `receive` again, on the event loop's thread.
    func resume()
    /// Feeds nothing any more, and writes what is left of the guest's output.
    func disconnect()
}
