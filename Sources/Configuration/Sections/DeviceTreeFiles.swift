// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// `device-tree`: files that are added to the guest's device tree.
public struct DeviceTreeFiles: Equatable, Sendable {
    /// Paths of overlays, applied in this order.
    public var overlays: [String]
    /// The path of a tree into which the generated one is merged; nil for none.
    public var base: String?

    /// Combines the paths.
    public init(overlays: [String] = [], base: String? = nil) {
        self.overlays = overlays
        self.base = base
    }

    enum Keys {
        static let overlays = ListKey(
            "overlays", of: .path, "Overlays, applied in this order, after those of the devices.")
        static let base = Key.text("base", .path, "A tree that the generated one is merged into.")

        static var section: Section { Section(keys: [overlays.description, base.description]) }
    }

    init(_ reader: ObjectReader, folder: String) {
        overlays = reader.list(Keys.overlays).map { ConfigurationPath.resolve($0, in: folder) }
        base = reader.value(Keys.base).map { ConfigurationPath.resolve($0, in: folder) }
        reader.noteOthers(than: Keys.section)
    }
}
