// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `boot-source`: what the guest boots.
public struct BootSource: Equatable, Sendable {
    /// Path of an arm64 `Image`, raw or gzip-compressed.
    public var kernelImagePath: String
    /// Path of an initial RAM disk; nil for none.
    public var initrdPath: String?
    /// The guest kernel's command line, at most 2047 bytes; nil where the configuration has none.
    public var bootArguments: String?

    public init(kernelImagePath: String, initrdPath: String? = nil, bootArguments: String? = nil) {
        self.kernelImagePath = kernelImagePath
        self.initrdPath = initrdPath
        self.bootArguments = bootArguments
    }

    enum Keys {
        static let kernelImagePath = Key.requiredText("kernel_image_path", .path)
        static let initrdPath = Key.text("initrd_path", .path)
        static let bootArguments = Key.text("boot_args", .bootArguments)

        static var all: [KeyDescription] {
            [kernelImagePath.description, initrdPath.description, bootArguments.description]
        }
    }

    init(_ reader: ObjectReader, folder: String) {
        kernelImagePath = Path.resolve(reader.value(Keys.kernelImagePath), in: folder)
        initrdPath = reader.value(Keys.initrdPath).map { Path.resolve($0, in: folder) }
        bootArguments = reader.value(Keys.bootArguments)
    }
}
