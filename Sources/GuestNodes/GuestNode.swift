// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// The guest's node for a passed-through device, and how it came to be.
public struct GuestNode: Equatable, Sendable {
    /// The device's name on the host.
    public let device: String
    /// The device's own node, for the platform bus.
    public let node: Node
    /// What overlays call it by; the node has a phandle then.
    public let label: String?
    /// What became of each property of the host's node.
    public let fates: [PropertyFate]
    /// What the device needs of other nodes of the host; empty unless it was to be explained.
    public let dependencies: [NodeDependency]
    /// What its driver may miss; empty unless it was to be explained.
    let missing: [MissingReference]

    /// What guest or host may come to grief over, a text each.
    public var warnings: [String] {
        fates.filter(\.isWarning).map { fate in
            "\(fate.path): \(fate.reason)" + (fate.advice.map { "\n  \($0)" } ?? "")
        }
    }

    /// Properties that were left out since they refer to something that the guest doesn't have.
    public var omitted: [String] {
        fates.filter(\.isLostReference).map { $0.node.isEmpty ? $0.property : "\($0.node)/\($0.property)" }
    }
}
