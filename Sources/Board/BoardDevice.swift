// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import PlatformBus

/// The one door for devices: what a device needs from the board, what the guest's device tree says of it, and how it
/// comes alive.
///
/// `MachinePlan` gives each device of its list a place, in order, and `MicroVM` starts them in the same order. A new
/// device is one type of this kind, its section of the configuration, and one line in that list.
///
/// A value of this kind holds nothing of a VM. It may be started more than once: each restart of the guest starts it
/// anew.
public protocol BoardDevice: Sendable {
    /// Why the device can't be described or started.
    associatedtype Failure: Error

    /// The owner's name in the address map and in messages: "serial port".
    var name: String { get }
    /// The address ranges that it needs, in the order of `Place.windows`.
    var windows: [WindowRequest] { get }
    /// The interrupts that it raises, in the order of `Place.lines`.
    var lines: [InterruptTrigger] { get }
    /// The `compatible` of a passed-through device that takes this one's place; nil where both may be there.
    var substitute: String? { get }

    /// The nodes that tell the guest of it.
    /// - Parameter shared: hands out fixed clocks and phandles.
    func nodes(at place: Place, shared: inout SharedNodes) throws(Failure) -> [Node]

    /// Brings the device to life in a VM that is built and doesn't run yet.
    func start(at place: Place, in context: DeviceContext) throws(Failure) -> any LiveDevice
}

extension BoardDevice {
    /// None.
    public var windows: [WindowRequest] { [] }
    /// None.
    public var lines: [InterruptTrigger] { [] }
    /// Nothing takes its place.
    public var substitute: String? { nil }
}

/// A device of a machine that exists. Letting go of it takes it off the board: it is released before everything that
/// was started earlier.
///
/// `pause` and `resume` come in turns, on the event loop's thread, while no vCPU runs.
public protocol LiveDevice: AnyObject, Sendable {
    /// Keeps what comes from outside (time, keys, packets) from the guest until `resume`. Nothing of it may be lost.
    /// The interrupt line keeps its level; the VM keeps what is pending.
    func pause()
    /// Lets the guest have what has come meanwhile, and what comes from now on.
    func resume()
    /// Silences the device: no interrupt and, as far as the device has a reset, no DMA comes from it any more. The
    /// vCPUs have stopped. A second call does nothing.
    func quiesce()
}

extension LiveDevice {
    /// Does nothing: it acts only when the guest does.
    public func pause() {}
    /// Does nothing.
    public func resume() {}
    /// Does nothing.
    public func quiesce() {}
}
