// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// The user's settings for the guest's node of a device (`platform-devices[].device_tree`).
public struct NodeSettings: Equatable, Sendable {
    /// Properties that are set in any case, whatever the host's node has.
    public var properties: [Property]
    /// Properties and child nodes to leave out, each a path below the device's node: "dmas", "mdio/phy@1".
    public var deletions: [String]
    /// Rates in Hz of the device's clocks, by entry of `clock-names`, or by index ("0", "1", …) if the clocks have no
    /// names.
    ///
    /// They take precedence over the host's rates. The rate of `everyClock` is for all clocks whose rates aren't known.
    public var clocks: [String: UInt32]
    /// Whether it is an error if a reference that the device's driver may need can't be kept.
    public var isStrict: Bool
    /// Whether references to register blocks of the host are changed to copies of the blocks.
    public var copiesRegisterBlocks: Bool
    /// A label of the node, for overlays.
    public var label: String?

    /// The name in `clocks` for all clocks whose rates aren't known.
    public static let everyClock = "*"

    /// Creates settings; every one that isn't given has its default.
    public init(
        properties: [Property] = [], deletions: [String] = [], clocks: [String: UInt32] = [:], isStrict: Bool = false,
        copiesRegisterBlocks: Bool = false, label: String? = nil
    ) {
        self.properties = properties
        self.deletions = deletions
        self.clocks = clocks
        self.isStrict = isStrict
        self.copiesRegisterBlocks = copiesRegisterBlocks
        self.label = label
    }
}
