// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import DeviceTree
internal import GuestNodes
internal import Passthrough
internal import PlatformBus
internal import VFIO

extension PlacedDevice.Settings {
    /// What the configuration says of a device.
    init(_ device: PlatformDevice, peerToPeer: Bool) {
        let interrupts: InterruptPathKind? =
            switch device.interrupts {
            case .automatic: nil
            case .irqfd: .irqfd
            case .relay: .relay
            case .eventfd: .eventfd
            }
        self.init(
            Identity(device.identity), trapsAll: device.noMmap, interrupts: interrupts, stormLimit: device.stormLimit,
            mapTimeoutMilliseconds: device.mmapTimeoutMilliseconds,
            placement: Placement(
                device.guestAddress.regions.map(Placement.Region.init),
                others: Placement.Region(device.guestAddress.others)))
        dma = VFIODMAMode(device.dma)
        reachesPeers = peerToPeer
        requiresReset = device.requiresReset
        descriptor = device.descriptor.map { CInt(clamping: $0) }
        if let end = device.endOfInterrupt {
            endInterrupts(atRegion: end.region, offset: end.offset, length: end.length)
        }
        node = NodeSettings(
            properties: device.deviceTree.properties.map { Property($0.name, PropertyValue($0.value)) },
            deletions: device.deviceTree.deletions, clocks: device.deviceTree.clocks,
            isStrict: device.deviceTree.isStrict, label: device.label)
    }
}

// What decides about safety is mapped case by case: a new one of the configuration's doesn't compile until it is mapped, too.
extension VFIODMAMode {
    init(_ mode: PlatformDevice.DMA) {
        self =
            switch mode {
            case .automatic: .automatic
            case .iommu: .iommu
            case .none: .none
            case .identity: .identity
            }
    }
}

extension VFIOPath {
    init(_ path: MachineConfiguration.VFIO) {
        self =
            switch path {
            case .automatic: .automatic
            case .cdev: .cdev
            case .group: .group
            }
    }
}

extension PlacedDevice.Settings.Identity {
    init(_ identity: PlatformDevice.Identity) {
        self =
            switch identity {
            case .host(let name): .host(name)
            case .sysfsdev(let path): .sysfsdev(path)
            }
    }
}

extension PlacedDevice.Settings.Placement.Region {
    fileprivate init(_ region: PlatformDevice.GuestAddress.Region) {
        self =
            switch region {
            case .automatic: .automatic
            case .fixed(let address): .fixed(GuestAddress(address))
            case .host: .host
            }
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
