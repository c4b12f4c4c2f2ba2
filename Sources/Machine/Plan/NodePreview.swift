// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
public import DeviceTree
public import GuestNodes
public import HostDevices
internal import LinuxSystem
internal import Passthrough
internal import PlatformBus

/// The device-tree nodes that a guest would get for devices, without opening them.
///
/// They are those of a guest with the board's usual layout and no other devices.
public struct NodePreview: Sendable {
    /// In the order of the devices, with the fate of each property and their dependencies.
    public let nodes: [GuestNode]
    /// The shared nodes: fixed clocks and regulators, and the board's reset controller if a node refers to it.
    public let shared: [Node]

    /// - Parameters:
    ///   - tree: the host's tree.
    ///   - tellsDependencies: whether their dependencies are listed in full.
    /// - Throws: `MachineError.passthrough` for the first device that has no node, or for which there is no room.
    public init(
        of devices: [DeviceSurvey], tree: HostTree, tellsDependencies: Bool = true
    ) throws(MachineError) {
        let board = BoardDevices.all(
            MachineConfiguration(bootSource: BootSource(kernelImagePath: "")), drives: OpenDrives())
        let layout = try BoardLayout(MachineConfig(), addressBits: 40, devices: board)
        let bus = try layout.makeBus()
        var claims = BoardClaims(bus: bus, layout: layout)
        try claims.reserveFixed(board)
        var shared: SharedNodes
        do throws(PassthroughError) {
            var phandles = PhandleAllocator()
            // The phandle of the interrupt controller.
            do { _ = try phandles.allocate() } catch { throw .node(.deviceTree(device: "board", error)) }
            var generator = NodeGenerator(
                tree: tree, phandles: phandles, explains: true, tellsDependencies: tellsDependencies)
            var requests: [NodeRequest] = []
            for device in devices {
                do throws(PlatformBusError) { requests.append(try device.nodeRequest(on: bus)) } catch {
                    throw .bus(device: device.device.name, error)
                }
            }
            nodes = try mapError(PassthroughError.node, try generator.generate(requests))
            shared = generator.shared
        } catch { throw .passthrough(error) }
        let resets = shared.resetController == nil ? nil : try BoardDevices.resetController(&shared)
        self.shared = shared.nodes + (resets ?? [])
    }
}
