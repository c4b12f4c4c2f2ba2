// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import PlatformBus

/// An emulated device of the board: its requests, its device-tree nodes, and its start.
///
/// `MachinePlan` gives each device of its list a place, in order, and `MicroVM` starts them in the same order. To add a
/// device, add a type that conforms to this protocol, its section of the configuration, and one line in that list.
///
/// A value of such a type holds nothing of a VM. It may be started more than once: each restart of the guest starts it
/// again.
public protocol BoardDevice: Sendable {
    /// Why the device can't be described or started.
    associatedtype Failure: Error

    /// The owner's name in the address map and in messages: "serial port".
    var name: String { get }
    /// The address ranges that it needs, in the order of `Place.windows`.
    var windows: [WindowRequest] { get }
    /// The interrupts that it raises, in the order of `Place.lines`.
    var lines: [InterruptTrigger] { get }
    /// The `compatible` of a passed-through device that replaces this one; nil if both may exist.
    var substitute: String? { get }

    /// The device's nodes for the guest.
    /// - Parameter shared: allocates fixed clocks and phandles.
    func nodes(at place: Place, shared: inout SharedNodes) throws(Failure) -> [Node]

    /// Starts the device in a VM that is built and doesn't run yet.
    func start(at place: Place, in context: DeviceContext) throws(Failure) -> any LiveDevice
}

extension BoardDevice {
    /// None.
    public var windows: [WindowRequest] { [] }
    /// None.
    public var lines: [InterruptTrigger] { [] }
    /// Nothing replaces it.
    public var substitute: String? { nil }
}

/// A device of a machine that exists.
///
/// Releasing it removes it from the board. It is released before everything that was started earlier.
///
/// `pause` and `resume` are called alternately, on the event loop's thread, while no vCPU runs.
public protocol LiveDevice: AnyObject, Sendable {
    /// Keeps events from outside (time, keys, packets) from the guest until `resume`, without losing any.
    ///
    /// The interrupt line keeps its level; the VM keeps pending interrupts.
    func pause()
    /// Passes the delayed events, and new ones, to the guest.
    func resume()
    /// Silences the device: it raises no more interrupts and, if it has a reset, does no more DMA.
    ///
    /// The vCPUs have stopped before. A second call does nothing.
    func quiesce()
}

extension LiveDevice {
    /// Does nothing: the device acts only when the guest does.
    public func pause() {}
    /// Does nothing.
    public func resume() {}
    /// Does nothing.
    public func quiesce() {}
}
