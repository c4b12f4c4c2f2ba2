// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

package import GuestMemory
public import KVM
public import LinuxSystem
public import PlatformBus

/// The environment of a device that starts: the VM, its bus, and the host's side.
public struct DeviceContext: Sendable {
    /// The VM of the device.
    public let vm: VirtualMachine
    /// The guest's RAM.
    package let memory: GuestRAM
    /// The bus that dispatches trapped accesses.
    public let bus: BusMap
    /// The event loop that waits for events from outside.
    public let loop: EventLoop
    /// The user's end of the guest's console.
    public let console: any ConsoleEnd
    /// The controls for the code that runs the machine.
    public let controls: BoardControls
    /// The receiver of the devices' messages.
    public let log: Log

    /// Combines the parts.
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

    /// The system calls outside KVM and VFIO.
    public var system: any SystemCalls { vm.system }

    /// Makes `handler` handle the trapped accesses to a window of the device, for as long as the result lives.
    /// - Parameter name: the name of the device, which owns the window.
    /// - Throws: `BoardDeviceError.bus` when the window already has a handler.
    public func attach(
        _ handler: any MMIODevice, name: String, to window: GuestRange
    ) throws(BoardDeviceError) -> BusAttachment {
        do { return try BusAttachment(handler, name: name, range: window, on: bus) } catch { throw .bus(error) }
    }

    /// The line of `spi` to the interrupt controller.
    public func line(_ spi: SPI) -> any InterruptLine { KVMInterruptLine(vm: vm, spi: spi) }
}

/// The user's end of the guest's console.
///
/// One device at a time is connected to it.
public protocol ConsoleEnd: Sendable {
    /// Takes a byte from the guest, on a vCPU thread.
    ///
    /// It may wait for a slow reader, but only for a limited time.
    func transmit(_ byte: UInt8)
    /// Tells that the guest has read all of its input, so that `receive` may get more.
    ///
    /// Called on a vCPU thread; it only signals.
    func inputReady()
    /// Passes the user's input to `receive`, on the event loop's thread, until `disconnect`.
    /// - Parameter receive: returns how many of the bytes it took, from the first on.
    /// - Throws: the errno of epoll_ctl(2); the console is not connected then.
    func connect(_ receive: @escaping @Sendable ([UInt8]) -> Int) throws(Errno)
    /// Keeps what the user types until `resume`.
    func pause()
    /// Passes input to `receive` again, on the event loop's thread.
    func resume()
    /// Stops passing input, and writes the rest of the guest's output.
    func disconnect()
}
