// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// One of `platform-devices`: a device of the host that the guest gets.
public struct PlatformDevice: Equatable, Sendable {
    /// How the host's device is found.
    public enum Identity: Equatable, Sendable {
        /// A name under /sys/bus/platform/devices or /sys/bus/amba/devices, as "9010000.pl031".
        case host(String)
        /// The path of the device's folder in sysfs.
        case sysfsdev(String)
    }

    /// The way that the device's interrupts take to the guest.
    public enum Interrupts: String, CaseIterable, Sendable {
        /// The best that works.
        case automatic = "auto"
        /// KVM injects them by itself.
        case irqfd
        /// Martlet passes them on, and KVM tells it the end of each.
        case relay
        /// Martlet raises them, and infers the end of each from the guest's next access to the device.
        case eventfd
    }

    /// What the device may reach by DMA.
    public enum DMA: String, CaseIterable, Sendable {
        /// The guest's memory where an IOMMU sees to it.
        case automatic = "auto"
        /// The guest's memory, behind an IOMMU or not at all.
        case iommu
        /// Nothing.
        case none
        /// The host's physical memory, all of it: the guest's RAM is where it is on the host.
        case identity
    }

    /// Where the device's interrupt status lives.
    public struct EndOfInterrupt: Equatable, Sendable {
        /// The region's index.
        public var region: Int
        /// In bytes from the region's base.
        public var offset: UInt64
        /// In bytes.
        public var length: UInt64

        public init(region: Int = 0, offset: UInt64, length: UInt64 = 4) {
            self.region = region
            self.offset = offset
            self.length = length
        }

        enum Keys {
            static let region = Key.integer("region", 0...63, default: 0)
            static let offset = Key.requiredInteger("offset", 0...(1 << 48 - 1))
            static let length = Key.integer("length", 1...65536, default: 4)

            static var all: [KeyDescription] { [region.description, offset.description, length.description] }
        }

        init(_ reader: ObjectReader) {
            region = reader.value(Keys.region)
            // Neither is negative: the keys' ranges say so.
            offset = UInt64(clamping: reader.value(Keys.offset))
            length = UInt64(clamping: reader.value(Keys.length))
        }
    }

    public var identity: Identity
    /// Whether accesses are trapped even where VFIO would allow the regions to be mapped into the guest.
    public var noMmap: Bool
    /// The path of the device's interrupts; the key `irqfd`, when it is false, means `.eventfd`.
    public var interrupts: Interrupts
    /// How many interrupts a second a line may have; 0 for any number. Only the relay can tell.
    public var stormLimit: Int
    /// For the eventfd path: the only place whose access ends an interrupt; nil for any access to the device.
    public var endOfInterrupt: EndOfInterrupt?
    /// How long after an interrupt the regions are mapped again, for interrupts that take the eventfd path; 0 never maps
    /// them again. At most 3,600,000 (an hour).
    public var mmapTimeoutMilliseconds: Int
    public var guestAddress: GuestAddress
    /// What overlays and other devices' properties call the device's node; nil for nothing.
    public var label: String?
    public var deviceTree: DeviceTreeSettings
    public var dma = DMA.automatic
    /// Whether the user knows what `DMA.identity` means, without which it is refused.
    public var allowsUnsafeDMA = false
    /// Whether a device that the host's kernel can't reset is refused.
    public var requiresReset = false
    /// The number of a descriptor of the device's own file that Martlet is started with.
    public var descriptor: Int?

    public init(
        identity: Identity, noMmap: Bool = false, interrupts: Interrupts = .automatic, stormLimit: Int = 0,
        mmapTimeoutMilliseconds: Int = 1100, endOfInterrupt: EndOfInterrupt? = nil,
        guestAddress: GuestAddress = .automatic, label: String? = nil,
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

    /// The device's name on its bus: what the host calls it, or the last component of its path.
    public var name: String {
        switch identity {
        case .host(let name): name
        case .sysfsdev(let path): Path.lastComponent(of: path)
        }
    }

    enum Keys {
        static let host = Key.text("host", .deviceName)
        static let sysfsdev = Key.text("sysfsdev", .devicePath)
        static let noMmap = Key.boolean("no_mmap", default: false)
        static let irqfd = Key.boolean("irqfd", default: true)
        static let interrupts = Key<Interrupts>.choice("interrupts", default: .automatic)
        static let stormLimit = Key.integer("storm_limit", 0...1_000_000, default: 0)
        static let endOfInterrupt = KeyDescription(name: "eoi", shape: .object({ EndOfInterrupt.Keys.all }))
        static let mmapTimeout = Key.integer("mmap_timeout_ms", 0...3_600_000, default: 1100)
        static let guestAddress = Key.guestAddress("guest_address")
        static let label = Key.text("label", .deviceLabel)
        static let deviceTree = KeyDescription(name: "device_tree", shape: .object({ DeviceTreeSettings.Keys.all }))
        static let dma = Key<DMA>.choice("dma", default: .automatic)
        static let allowsUnsafeDMA = Key.boolean("allow_unsafe_dma", default: false)
        static let requiresReset = Key.boolean("require_reset", default: false)
        static let descriptor = Key.descriptor("vfio_fd")

        static var all: [KeyDescription] {
            [
                host.description, sysfsdev.description, noMmap.description, interrupts.description,
                irqfd.description, mmapTimeout.description, stormLimit.description, endOfInterrupt,
                guestAddress.description, label.description, deviceTree, dma.description,
                allowsUnsafeDMA.description, requiresReset.description, descriptor.description,
            ]
        }
    }

    init(_ reader: ObjectReader, folder: String) {
        let host = reader.value(Keys.host)
        if let path = reader.value(Keys.sysfsdev) {
            identity = .sysfsdev(Path.resolve(path, in: folder))
        } else {
            identity = .host(host ?? "")
        }
        if !reader.has(Keys.host.description), !reader.has(Keys.sysfsdev.description) {
            reader.note(found: "neither host nor sysfsdev", allowed: "one of them, to name the device")
        }
        noMmap = reader.value(Keys.noMmap)
        let irqfd = reader.value(Keys.irqfd)
        let choice = reader.value(Keys.interrupts)
        interrupts = irqfd ? choice : .eventfd
        mmapTimeoutMilliseconds = reader.value(Keys.mmapTimeout)
        stormLimit = reader.value(Keys.stormLimit)
        endOfInterrupt = reader.object(Keys.endOfInterrupt).map(EndOfInterrupt.init)
        guestAddress = reader.value(Keys.guestAddress)
        label = reader.value(Keys.label)
        deviceTree =
            reader.object(Keys.deviceTree).map { DeviceTreeSettings($0, folder: folder) } ?? DeviceTreeSettings()
        dma = reader.value(Keys.dma)
        allowsUnsafeDMA = reader.value(Keys.allowsUnsafeDMA)
        requiresReset = reader.value(Keys.requiresReset)
        descriptor = reader.value(Keys.descriptor)
        if dma == .identity, !allowsUnsafeDMA {
            reader.note(
                Keys.dma.name, found: "\"identity\" without \(Keys.allowsUnsafeDMA.name)",
                allowed:
                    "it with \(Keys.allowsUnsafeDMA.name) true: no IOMMU confines the device, so that it, and with it the "
                    + "guest, can read and overwrite all memory of the host, its kernel and other guests included")
        }
        if !irqfd, choice != .automatic, choice != .eventfd {
            reader.note(
                Keys.irqfd.name, found: "false, with interrupts \"\(choice.rawValue)\"",
                allowed: "true, or interrupts \"eventfd\": without KVM's irqfd there is no other path")
        }
        if stormLimit > 0, interrupts == .irqfd || interrupts == .eventfd {
            reader.note(
                Keys.stormLimit.name, found: "\(stormLimit), with interrupts on the \(interrupts.rawValue) path",
                allowed: "0, or interrupts \"auto\" or \"relay\": only the relay sees each interrupt and its end")
        }
    }
}
