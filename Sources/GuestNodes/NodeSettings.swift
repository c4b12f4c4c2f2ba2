// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// What the user says about the node that the guest gets for a device (`platform-devices[].device_tree`).
public struct NodeSettings: Equatable, Sendable {
    /// Properties that are set, whatever the host's node says.
    public var properties: [Property]
    /// Properties and child nodes that are left out, each a path below the device's node: "dmas", "mdio/phy@1".
    public var deletions: [String]
    /// Rates in Hz of the device's clocks, by entry of `clock-names`; by index ("0", "1", …) where clocks have no
    /// names.
    ///
    /// They take precedence over what can be found out on the host. That of `everyClock` is for all clocks of which
    /// nothing is known otherwise.
    public var clocks: [String: UInt32]
    /// Whether it is an error when a reference that the device's driver may need can't be carried over.
    public var isStrict: Bool
    /// Whether references to register blocks of the host lead to copies of them.
    public var copiesRegisterBlocks: Bool
    /// A name for the node, for overlays to refer to.
    public var label: String?

    /// The name in `clocks` that stands for all clocks of unknown rate.
    public static let everyClock = "*"

    /// Nothing but what is said.
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
