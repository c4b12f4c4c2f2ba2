// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Board
public import DeviceTree
internal import KVM
internal import LinuxSystem
internal import PlatformBus

/// A copy of a block of registers that several of the host's drivers share (`syscon`).
///
/// It is memory of the guest with the values of the host's block, so that drivers find the host's settings. A write of
/// the guest changes only the copy.
public struct RegisterCopy: BoardDevice {
    /// Its name in messages: "register block /syscon@a017000".
    public let name: String
    private let properties: [Property]
    private let bytes: [UInt8]
    private let phandle: Phandle

    /// - Parameters:
    ///   - path: the path of the block's node in the host's tree.
    ///   - properties: the properties of the node, except `reg`.
    ///   - bytes: the values, as they are in memory.
    ///   - phandle: the phandle by which devices refer to it.
    public init(path: String, properties: [Property], bytes: [UInt8], phandle: Phandle) {
        name = "register block \(path)"
        self.properties = properties
        self.bytes = bytes
        self.phandle = phandle
    }

    /// - SeeAlso: Devicetree binding mfd/syscon.yaml
    public func nodes(at place: Place, shared: inout SharedNodes) throws(BoardDeviceError) -> [Node] {
        var node = Node(place.nodeName("syscon"), properties: properties)
        node[property: "reg"] = .cells64([place.windows[0].base.rawValue, UInt64(bytes.count)])
        node.phandle = phandle
        return [node]
    }

    /// - Throws: `BoardDeviceError.call`, `.kvm`.
    public func start(at place: Place, in context: DeviceContext) throws(BoardDeviceError) -> any LiveDevice {
        try LiveRegisterCopy(bytes, place.windows[0], context)
    }
}

/// A copy in the memory of a VM.
private final class LiveRegisterCopy: LiveDevice {
    private let slot: MemorySlot

    init(
        _ bytes: [UInt8], _ window: GuestRange, _ context: DeviceContext
    ) throws(BoardDeviceError) {
        func failed(_ call: String) -> (Errno) -> BoardDeviceError { { .call(call, errno: $0) } }
        let memory = OwnedDescriptor(
            adopting: try mapError(
                failed("memfd_create"),
                try context.system.createMemory(name: "martlet-registers", size: window.size)),
            of: context.system)
        let mapping = try mapError(
            failed("mmap"), try MemoryMapping(of: memory.rawValue, size: window.size, system: context.system))
        // Safety: the window is at least as large, and no vCPU runs yet.
        mapping.bytes(at: 0, count: UInt64(bytes.count))?.copyBytes(from: bytes)
        slot = try mapError(
            BoardDeviceError.kvm, try MemorySlot(context.vm, at: window.base.rawValue, mapping: mapping))
    }
}
