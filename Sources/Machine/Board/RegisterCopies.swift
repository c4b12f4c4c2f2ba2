// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import DeviceTree
internal import Devices
internal import HostDevices
internal import LinuxSystem
internal import PlatformBus

/// The copies of the host's register blocks that passed-through devices refer to.
struct RegisterCopies {
    private let shared: SharedNodes
    private let tree: HostTree
    private let sysfs: Sysfs
    private let debugFS: any DebugFSCalls

    /// - Parameter shared: has the copies that the devices' nodes refer to.
    init(_ shared: SharedNodes, _ tree: HostTree, _ sysfs: Sysfs, _ debugFS: any DebugFSCalls) {
        self.shared = shared
        self.tree = tree
        self.sysfs = sysfs
        self.debugFS = debugFS
    }

    /// Reads the blocks' values and gives each copy a range of whole pages on the bus.
    /// - Throws: `MachineError.registerBlock`, `.bus`.
    func place(on bus: BusMap) throws(MachineError) -> [(device: any BoardDevice, place: Place)] {
        var copies: [(device: any BoardDevice, place: Place)] = []
        for copy in shared.registerCopies {
            // Nodes refer only to what is one.
            guard let block = RegisterBlock(at: copy.folder, of: tree) else { continue }
            let bytes: [UInt8]
            do throws(Errno) { bytes = try block.values(sysfs, debugFS: debugFS) } catch {
                throw .registerBlock(path: block.path, errno: error)
            }
            let device = RegisterCopy(
                path: block.path, properties: block.properties, bytes: bytes, phandle: copy.phandle)
            let page = MemoryMapping.pageSize
            // No overflow: a block is of a mebibyte at most.
            let size = (block.size &+ page &- 1) / page &* page
            do throws(PlatformBusError) {
                let window = try bus.allocateWindow(device.name, size: size, alignment: page)
                copies.append((device, Place(windows: [window])))
            } catch { throw .bus(error) }
        }
        return copies
    }
}
