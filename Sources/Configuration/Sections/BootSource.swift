// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `boot-source`: the files that the guest boots from.
public struct BootSource: Equatable, Sendable {
    /// The path of an arm64 kernel: an `Image`, plain or compressed, or an EFI zboot image.
    public var kernelImagePath: String
    /// The path of an initial RAM disk; nil for none.
    public var initrdPath: String?
    /// The guest kernel's command line, at most 2047 bytes; nil if the configuration has none.
    public var bootArguments: String?

    /// Combines the parts.
    public init(kernelImagePath: String, initrdPath: String? = nil, bootArguments: String? = nil) {
        self.kernelImagePath = kernelImagePath
        self.initrdPath = initrdPath
        self.bootArguments = bootArguments
    }

    enum Keys {
        static let kernelImagePath = Key.requiredText(
            "kernel_image_path", .path,
            """
            An arm64 Linux kernel: an `Image`, plain or compressed with gzip or zstd, or an EFI zboot image \
            (`vmlinuz.efi`, Fedora's `vmlinuz`) with one of these inside.
            """)
        static let initrdPath = Key.text("initrd_path", .path, "An initial RAM disk; none when left out.")
        static let bootArguments = Key.text(
            "boot_args", .bootArguments,
            """
            The guest kernel's command line, one line: 2047 bytes and a NUL are all that an arm64 Linux takes. The \
            console is `ttyS0`. Without this key a base tree's `bootargs` count, and the report says so.
            """)

        static var section: Section {
            Section(keys: [kernelImagePath.description, initrdPath.description, bootArguments.description])
        }
    }

    init(_ reader: ObjectReader, folder: String) {
        kernelImagePath = ConfigurationPath.resolve(reader.value(Keys.kernelImagePath), in: folder)
        initrdPath = reader.value(Keys.initrdPath).map { ConfigurationPath.resolve($0, in: folder) }
        bootArguments = reader.value(Keys.bootArguments)
        reader.noteOthers(than: Keys.section)
    }
}
