// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import DeviceTree
internal import GuestNodes
internal import Passthrough

extension PlacedDevice.Settings {
    /// The settings of a device from the configuration.
    init(_ device: PlatformDevice, peerToPeer: Bool) {
        self.init(
            device.identity, trapsAll: device.noMmap, interrupts: device.interrupts, stormLimit: device.stormLimit,
            mapTimeoutMilliseconds: device.mmapTimeoutMilliseconds, placement: device.guestAddress)
        dma = device.dma
        reachesPeers = peerToPeer
        requiresReset = device.requiresReset
        reset = device.reset
        allowsUnpowered = device.allowsUnpowered
        descriptor = device.descriptor.map { CInt(clamping: $0) }
        endOfInterrupt = device.endOfInterrupt
        node = NodeSettings(
            properties: device.deviceTree.properties.map { Property($0.name, PropertyValue($0.value)) },
            deletions: device.deviceTree.deletions, clocks: device.deviceTree.clocks,
            isStrict: device.deviceTree.isStrict,
            copiesRegisterBlocks: device.deviceTree.copiesRegisterBlocks, label: device.label)
    }
}

extension PropertyValue {
    /// The bytes of a configured property, with `TreeAdditions.placeholder` for references.
    fileprivate init(_ value: DeviceTreeProperty.Value) {
        switch value {
        case .empty: self = .empty
        case .strings(let strings): self = .strings(strings)
        case .numbers64(let numbers): self = .cells64(numbers)
        case .bytes(let bytes): self = .bytes(bytes)
        case .cells(let cells):
            self = .cells(
                cells.map { cell in
                    switch cell {
                    case .number(let number): number
                    case .reference: TreeAdditions.placeholder
                    }
                })
        }
    }
}
