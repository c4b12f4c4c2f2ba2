// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import DeviceTree
internal import Devices
internal import HostDevices
internal import LinuxSystem
internal import PlatformBus

/// The copies of the host's register blocks to which passed-through devices refer.
struct RegisterCopies {
    private let shared: SharedNodes
    private let tree: HostTree
    private let sysfs: Sysfs
    private let debugFS: any DebugFSCalls

    /// - Parameter shared: has the copies to which the devices' nodes refer.
    init(_ shared: SharedNodes, tree: HostTree, sysfs: Sysfs, debugFS: any DebugFSCalls) {
        self.shared = shared
        self.tree = tree
        self.sysfs = sysfs
        self.debugFS = debugFS
    }

    /// Reads the blocks' values and places each copy in whole pages on the bus.
    /// - Throws: `MachineError.registerBlock`, `.bus`.
    func place(on bus: BusMap) throws(MachineError) -> [(device: any BoardDevice, place: Place)] {
        var copies: [(device: any BoardDevice, place: Place)] = []
        for copy in shared.registerCopies {
            // Nodes refer only to valid blocks.
            guard let block = RegisterBlock(at: copy.folder, of: tree) else { continue }
            let bytes: [UInt8]
            do throws(Errno) { bytes = try block.values(sysfs, debugFS: debugFS) } catch {
                throw .registerBlock(path: block.path, errno: error)
            }
            let device = RegisterCopy(
                path: block.path, properties: block.properties, bytes: bytes, phandle: copy.phandle)
            let page = MemoryMapping.pageSize
            // No overflow: a block has at most a mebibyte.
            let size = (block.size &+ page &- 1) / page &* page
            do throws(PlatformBusError) {
                let window = try bus.allocateWindow(device.name, size: size, alignment: page)
                copies.append((device, Place(windows: [window])))
            } catch { throw .bus(error) }
        }
        return copies
    }
}
