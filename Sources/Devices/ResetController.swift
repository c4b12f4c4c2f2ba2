// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceTree
internal import PlatformBus

/// The board's reset controller, shared by all passed-through devices.
///
/// It exists when a node of theirs refers to it. The guest's kernel needs CONFIG_RESET_SIMPLE.
public struct ResetController: BoardDevice {
    /// Its name in messages.
    public let name = "reset controller"
    /// A page of 4 KiB.
    public var windows: [WindowRequest] {
        [WindowRequest(size: ResetRegisters.byteCount, .preferred(GuestAddress(0x0904_0000)))]
    }
    /// The function that an assertion of each line calls, by the line's number.
    private let actions: [(@Sendable () -> Void)?]

    /// - Parameter actions: the function that an assertion of each line calls on a vCPU's thread, by the line's number;
    ///   it returns when the reset is done. Nil for a line without effect.
    public init(actions: [(@Sendable () -> Void)?] = []) { self.actions = actions }

    /// - SeeAlso: Devicetree binding reset/snps,dw-reset.txt
    /// - Throws: `BoardDeviceError.node` when no phandle is left.
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        var node = Node(
            place.nodeName("reset-controller"),
            ["compatible": .string("snps,dw-low-reset"), "reg": place.registers, "#reset-cells": .cell(1)])
        do { node.phandle = try shared.phandleOfResetController() } catch { throw .node(device: name, error) }
        return [node]
    }

    /// - Throws: `BoardDeviceError.bus`.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LiveResetController(name, actions, place, context)
    }
}

/// A reset controller on the bus.
private final class LiveResetController: LiveDevice {
    private let attachment: BusAttachment

    init(
        _ name: String, _ actions: [(@Sendable () -> Void)?], _ place: Place, _ context: DeviceContext
    ) throws(BoardDeviceError) {
        attachment = try context.attach(ResetRegisters(actions: actions), name: name, to: place.windows[0])
    }
}
