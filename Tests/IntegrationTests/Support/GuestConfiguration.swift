// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials

/// A configuration for `martlet`, as a test wants it.
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

        enum CodingKeys: String, CodingKey {
            case vcpus = "vcpu_count"
            case mebibytes = "mem_size_mib"
        }
    }

    struct Device: Encodable, ExpressibleByStringLiteral {
        var host: String?
        var sysfsdev: String?
        var isTrapped: Bool?
        var guestAddress: String?
        var interrupts: String?
        var mapTimeout: Int?
        var endOfInterrupt: [String: Int]?
        var stormLimit: Int?
        var dma: String?
        var requiresReset: Bool?
        var descriptor: Int?

        init(_ host: String? = nil, sysfsdev: String? = nil, isTrapped: Bool? = nil, guestAddress: String? = nil) {
            self.host = host
            self.sysfsdev = sysfsdev
            self.isTrapped = isTrapped
            self.guestAddress = guestAddress
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
            case dma
            case requiresReset = "require_reset"
            case descriptor = "vfio_fd"
        }
    }

    var source: BootSource
    var size = Size()
    var devices: [Device] = []
    var vfio: String?
    var iommufd: Int?
    var onReset: String?

    enum CodingKeys: String, CodingKey {
        case source = "boot-source"
        case size = "machine-config"
        case devices = "platform-devices"
        case vfio
        case iommufd = "iommufd_fd"
        case onReset = "on_reset"
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
