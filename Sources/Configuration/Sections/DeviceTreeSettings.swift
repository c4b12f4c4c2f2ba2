// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceOptions

/// `platform-devices[].device_tree`: facts about a device's node that the host's node doesn't have.
public struct DeviceTreeSettings: Equatable, Sendable {
    /// Properties to add to the node; each replaces one with the same name.
    public var properties: [DeviceTreeProperty]
    /// Properties and child nodes that the guest doesn't get, as paths below the device's node.
    public var deletions: [String]
    /// The rates of clocks in hertz, by their names in `clock-names`, or by index if they have none; "*" means all
    /// clocks whose rates aren't known.
    public var clocks: [String: UInt32]
    /// The path of an overlay, in which the label `device` means this device's node; nil for none.
    public var overlay: String?
    /// Whether a reference that can't be kept is an error; otherwise it is left out.
    public var isStrict: Bool

    /// How references to register blocks that drivers of the host share are handled.
    public var registerBlocks: RegisterBlocks

    /// Combines the parts.
    public init(
        properties: [DeviceTreeProperty] = [], deletions: [String] = [], clocks: [String: UInt32] = [:],
        overlay: String? = nil, isStrict: Bool = false, registerBlocks: RegisterBlocks = .none
    ) {
        self.properties = properties
        self.deletions = deletions
        self.clocks = clocks
        self.overlay = overlay
        self.isStrict = isStrict
        self.registerBlocks = registerBlocks
    }

    /// Whether references to register blocks are changed to copies of the blocks.
    public var copiesRegisterBlocks: Bool {
        switch registerBlocks {
        case .none: false
        case .copy: true
        }
    }

    enum Keys {
        static let properties = MapKey(
            "properties", names: .propertyName, values: .property,
            Documentation(
                """
                Properties by name, each in the place of the host's: `true` for an empty one; strings; numbers of 32 \
                bits and phandles of nodes by label, alone or in an array; numbers of 64 bits; bytes.
                """,
                example: #"{"phy-handle": {"phandle": "phy"}, "local-mac-address": {"bytes": "02 00 00 00 00 01"}}"#),
            DeviceTreeProperty.Value.init(json:))
        static let deletions = ListKey(
            "delete", of: .nodePart,
            Documentation(
                """
                Properties and child nodes that the guest doesn't get, as paths below the device's node. None that \
                `properties` sets.
                """, example: #"["dmas", "mdio/phy@1"]"#))
        static let clocks = MapKey(
            "clocks", names: .clockName, values: .integer(1...Int(UInt32.max), default: 1),
            Documentation(
                """
                The rates of the device's clocks in hertz, by their names in `clock-names`, or by index where they \
                have none; `*` is for all whose rates nobody knows.
                """, example: #"{"mac": 480000000, "*": 24000000}"#)
        ) { json -> UInt32? in
            guard case .number(let text) = json, let rate = UInt32(text), rate > 0 else { return nil }
            return rate
        }
        static let overlay = Key.text(
            "overlay", .path,
            "An overlay, a blob or a source (.dts, .dtso), in which the label `device` is this device's node.")
        static let isStrict = Key.boolean(
            "strict", default: false,
            "Refuse a device with references that can't be carried over; they are left out otherwise.")
        static let registerBlocks = Key<RegisterBlocks>.choice(
            "syscon", default: .none,
            Documentation(
                """
                What becomes of references to register blocks that several of the host's drivers share (`syscon`): \
                `"none"`, they are left out; `"copy"`, the guest gets a copy of each block in memory, with the values \
                that the host's has when Martlet starts. What the guest writes stays in the copy.
                """, page: "device-tree.md"))

        static var section: Section {
            Section(keys: [
                properties.description, deletions.description, clocks.description, overlay.description,
                isStrict.description, registerBlocks.description,
            ])
        }
    }

    init(_ reader: ObjectReader, folder: String) {
        properties = reader.map(Keys.properties).map { DeviceTreeProperty($0.name, $0.value) }
        deletions = reader.list(Keys.deletions)
        clocks = Dictionary(reader.map(Keys.clocks).map { ($0.name, $0.value) }) { first, _ in first }
        overlay = reader.value(Keys.overlay).map { ConfigurationPath.resolve($0, in: folder) }
        isStrict = reader.value(Keys.isStrict)
        registerBlocks = reader.value(Keys.registerBlocks)
        reader.noteOthers(than: Keys.section)
        for name in deletions where properties.contains(where: { $0.name == name }) {
            reader.note(
                Keys.deletions.name, found: "\"\(abridged(name))\", which properties sets",
                allowed: "each name in one of the two: properties already replaces the host's value")
        }
    }
}
