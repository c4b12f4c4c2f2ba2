// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials

/// A configuration for `martlet`.
struct GuestConfiguration: Encodable {
    struct BootSource: Encodable {
        var kernel: String
        var initrd: String?
        var arguments: String?

        enum CodingKeys: String, CodingKey {
            case kernel = "kernel_image_path"
            case initrd = "initrd_path"
            case arguments = "boot_args"
        }
    }

    struct Size: Encodable {
        var vcpus = 1
        var mebibytes = 128
        var ramBase: String?
        var platformBus: [String: String]?
        var hugePages: String?
        var dmaHeap: String?
        var dumpsGuestCore: Bool?
        var cpus: String?

        enum CodingKeys: String, CodingKey {
            case vcpus = "vcpu_count"
            case mebibytes = "mem_size_mib"
            case ramBase = "ram_base"
            case platformBus = "platform_bus"
            case hugePages = "huge_pages"
            case dmaHeap = "dma_heap"
            case dumpsGuestCore = "dump_guest_core"
            case cpus
        }
    }

    struct Drive: Encodable {
        var id: String
        var path: String
        var isRootDevice: Bool?
        var isReadOnly: Bool?
        var cache: String?

        init(_ id: String, _ path: String, isReadOnly: Bool? = nil, cache: String? = nil) {
            self.id = id
            self.path = path
            self.isReadOnly = isReadOnly
            self.cache = cache
        }

        enum CodingKeys: String, CodingKey {
            case id = "drive_id"
            case path = "path_on_host"
            case isRootDevice = "is_root_device"
            case isReadOnly = "is_read_only"
            case cache = "cache_type"
        }
    }

    struct Device: Encodable, ExpressibleByStringLiteral {
        var host: String?
        var sysfsdev: String?
        var isTrapped: Bool?
        var guestAddress: GuestAddress?
        var interrupts: String?
        var mapTimeout: Int?
        var endOfInterrupt: [String: Int]?
        var stormLimit: Int?
        var label: String?
        var deviceTree: DeviceTree?
        var dma: String?
        var allowsUnsafeDMA: Bool?
        var requiresReset: Bool?
        var reset: Reset?
        var allowUnpowered: Bool?
        var descriptor: Int?

        init(_ host: String? = nil, sysfsdev: String? = nil, isTrapped: Bool? = nil, guestAddress: String? = nil) {
            self.host = host
            self.sysfsdev = sysfsdev
            self.isTrapped = isTrapped
            self.guestAddress = guestAddress.map { .all($0) }
            // No device is behind this transport; only the configuration can say so.
            if host == HostDevices.virtio { dma = "none" }
        }

        /// A device that addresses the host's memory.
        static func identity(_ host: String) -> Device {
            var device = Device(host)
            device.dma = "identity"
            device.allowsUnsafeDMA = true
            return device
        }

        init(stringLiteral host: String) { self.init(host) }

        /// A device whose interrupts take one path.
        static func on(
            _ path: String, _ host: String, mapTimeout: Int? = nil, endOfInterrupt: [String: Int]? = nil
        ) -> Device {
            var device = Device(host)
            device.interrupts = path
            device.mapTimeout = mapTimeout
            device.endOfInterrupt = endOfInterrupt
            return device
        }

        enum CodingKeys: String, CodingKey {
            case host, sysfsdev
            case interrupts
            case isTrapped = "no_mmap"
            case mapTimeout = "mmap_timeout_ms"
            case endOfInterrupt = "eoi"
            case stormLimit = "storm_limit"
            case guestAddress = "guest_address"
            case label
            case deviceTree = "device_tree"
            case dma
            case allowsUnsafeDMA = "allow_unsafe_dma"
            case requiresReset = "require_reset"
            case reset
            case allowUnpowered = "allow_unpowered"
            case descriptor = "vfio_fd"
        }
    }

    enum GuestAddress: Encodable {
        /// The forms of `guest_address` that aren't arrays.
        case all(String)
        case each([String])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .all(let address): try container.encode(address)
            case .each(let addresses): try container.encode(addresses)
            }
        }
    }

    /// The forms of `reset`.
    enum Reset: Encodable {
        case word(String)
        case steps([ResetStep])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .word(let word): try container.encode(word)
            case .steps(let steps): try container.encode(steps)
            }
        }
    }

    struct ResetStep: Encodable {
        var step: String
        var offset: Int?
        var value: Int?
        var mask: Int?
        var timeout: Int?

        static func write(_ offset: Int, _ value: Int) -> ResetStep {
            ResetStep(step: "write", offset: offset, value: value)
        }

        enum CodingKeys: String, CodingKey {
            case step, offset, value, mask
            case timeout = "timeout_ms"
        }
    }

    struct DeviceTree: Encodable {
        var properties: [String: Property]?
        var deletions: [String]?
        var clocks: [String: Int]?
        var overlay: String?
        var syscon: String?

        enum CodingKeys: String, CodingKey {
            case properties, clocks, overlay, syscon
            case deletions = "delete"
        }
    }

    /// A property's value.
    enum Property: Encodable, ExpressibleByStringLiteral {
        case text(String)
        case number(Int)

        init(stringLiteral text: String) { self = .text(text) }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            }
        }
    }

    struct DeviceTreeFiles: Encodable {
        var overlays: [String]?
        var base: String?
    }

    var source: BootSource
    var size = Size()
    var devices: [Device] = []
    var drives: [Drive]?
    /// The settings of an entropy device; it has none.
    var entropy: [String: String]?
    var deviceTree: DeviceTreeFiles?
    var vfio: String?
    var iommufd: Int?
    var peerToPeer: Bool?
    var onReset: String?
    var powerKey: Bool?
    var allowsUnresetRestart: Bool?

    enum CodingKeys: String, CodingKey {
        case deviceTree = "device-tree"
        case source = "boot-source"
        case size = "machine-config"
        case devices = "platform-devices"
        case drives, entropy
        case vfio
        case iommufd = "iommufd_fd"
        case peerToPeer = "peer_to_peer"
        case onReset = "on_reset"
        case powerKey = "power_key"
        case allowsUnresetRestart = "allow_unreset_restart"
    }

    /// Linux, which runs `script` of the initramfs with `words` on its command line and powers off.
    static func linux(
        _ script: String, _ words: String = "", vcpus: Int = 1, mebibytes: Int = 128, kernel: String = "Image",
        devices: [Device] = []
    ) -> GuestConfiguration {
        GuestConfiguration(
            source: BootSource(
                kernel: Host.image(kernel), initrd: Host.image("initramfs.cpio.gz"),
                arguments: "console=ttyS0 quiet panic=-1 martlet.role=guest martlet.run=/martlet/\(script).sh \(words)"),
            size: Size(vcpus: vcpus, mebibytes: mebibytes), devices: devices)
    }

    /// One of the flat guests: a few instructions that need no kernel.
    static func flat(_ name: String, vcpus: Int = 1, mebibytes: Int = 16, devices: [Device] = []) -> GuestConfiguration
    {
        GuestConfiguration(
            source: BootSource(kernel: Host.image("flat/\(name).bin")), size: Size(vcpus: vcpus, mebibytes: mebibytes),
            devices: devices)
    }

    /// Writes it into `folder` and returns the file's path.
    func write(to folder: TemporaryFolder) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes]
        return try folder.file("guest.json", try encoder.encode(self))
    }
}
