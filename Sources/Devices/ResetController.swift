// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceTree
internal import PlatformBus

/// The board's reset controller: one for all passed-through devices, there when one of their nodes refers to it. The
/// guest's kernel needs CONFIG_RESET_SIMPLE.
public struct ResetController: BoardDevice {
    /// Its name in messages.
    public let name = "reset controller"
    /// A page of 4 KiB.
    public var windows: [WindowRequest] {
        [WindowRequest(size: ResetRegisters.byteCount, .preferred(GuestAddress(0x0904_0000)))]
    }
    /// What an assertion of each line does, by its number.
    private let lines: [(@Sendable () -> Void)?]

    /// - Parameter lines: what an assertion of each line does, by its number, on a vCPU's thread; it returns when
    ///   that is done. Nil for nothing.
    public init(lines: [(@Sendable () -> Void)?] = []) { self.lines = lines }

    /// - SeeAlso: Devicetree binding reset/snps,dw-reset.txt
    /// - Throws: `BoardDeviceError.node` when there is no phandle left.
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        var node = Node(
            place.nodeName("reset-controller"),
            ["compatible": .string("snps,dw-low-reset"), "reg": place.registers, "#reset-cells": .cell(1)])
        do { node.phandle = try shared.phandleOfResetController() } catch { throw .node(device: name, error) }
        return [node]
    }

    /// - Throws: `BoardDeviceError.bus`.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LiveResetController(name, lines, place, context)
    }
}

/// A reset controller on the bus.
private final class LiveResetController: LiveDevice {
    private let attachment: BusAttachment

    init(
        _ name: String, _ lines: [(@Sendable () -> Void)?], _ place: Place, _ context: DeviceContext
    ) throws(BoardDeviceError) {
        do throws(PlatformBusError) {
            attachment = try BusAttachment(
                ResetRegisters(lines: lines), name: name, range: place.windows[0], on: context.bus)
        } catch { throw .bus(error) }
    }
}
