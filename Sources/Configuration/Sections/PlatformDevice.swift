// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions

/// One of `platform-devices`: a device of the host that is passed to the guest.
public struct PlatformDevice: Equatable, Sendable {
    /// How the host's device is identified.
    public var identity: DeviceIdentity
    /// Whether accesses are trapped even if VFIO allows the regions to be mapped into the guest.
    public var noMmap: Bool
    /// The only path that the device's interrupts may take; nil for the best that works.
    ///
    /// The key `irqfd` with the value false means `.eventfd`.
    public var interrupts: InterruptPathKind?
    /// How many interrupts a second a line may have; 0 for any number.
    ///
    /// Only the relay path can limit them.
    public var stormLimit: Int
    /// For the eventfd path: the only place whose access ends an interrupt; nil for any access to the device.
    public var endOfInterrupt: EndOfInterrupt?
    /// For the eventfd path: how long after an interrupt the regions are mapped again; 0 never maps them again.
    ///
    /// At most 3,600,000 (an hour).
    public var mmapTimeoutMilliseconds: Int
    /// Where the guest sees the device's regions.
    public var guestAddress: DevicePlacement
    /// The label of the device's node in overlays and in other devices' properties; nil for none.
    public var label: String?
    /// Facts about the device's node that the host's node doesn't have.
    public var deviceTree: DeviceTreeSettings
    /// What the device may reach by DMA.
    public var dma = VFIODMAMode.automatic
    /// Whether the user accepts the risk of `VFIODMAMode.identity`, which is refused otherwise.
    public var allowsUnsafeDMA = false
    /// Whether a device that nothing resets is refused.
    public var requiresReset = false
    /// How it is reset.
    public var reset = DeviceReset.automatic
    /// Whether a device is accepted although the host has switched off one of its resources.
    public var allowsUnpowered = false
    /// The number of a descriptor of the device's own file that Martlet is started with.
    public var descriptor: Int?

    /// Creates a device; every key that isn't given has its default.
    public init(
        identity: DeviceIdentity, noMmap: Bool = false, interrupts: InterruptPathKind? = nil, stormLimit: Int = 0,
        mmapTimeoutMilliseconds: Int = MapTimeout.defaultMilliseconds, endOfInterrupt: EndOfInterrupt? = nil,
        guestAddress: DevicePlacement = .automatic, label: String? = nil,
        deviceTree: DeviceTreeSettings = DeviceTreeSettings()
    ) {
        self.identity = identity
        self.noMmap = noMmap
        self.interrupts = interrupts
        self.stormLimit = stormLimit
        self.endOfInterrupt = endOfInterrupt
        self.mmapTimeoutMilliseconds = mmapTimeoutMilliseconds
        self.guestAddress = guestAddress
        self.label = label
        self.deviceTree = deviceTree
    }

    /// The device's name on its bus: the given name, or the last component of its path.
    public var name: String {
        switch identity {
        case .host(let name): name
        case .sysfsdev(let path): ConfigurationPath.lastComponent(of: path)
        }
    }
}
