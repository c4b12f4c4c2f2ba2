// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// The guest's node for a passed-through device, and how it was generated.
public struct GuestNode: Equatable, Sendable {
    /// The device's name on the host.
    public let device: String
    /// The device's own node, for the platform bus.
    public let node: Node
    /// Its label for overlays; the node has a phandle if there is one.
    public let label: String?
    /// The fate of each property of the host's node.
    public let fates: [PropertyFate]
    /// The other nodes of the host that the device needs; empty unless explanations were requested.
    public let dependencies: [NodeDependency]
    /// References that its driver may need; empty unless explanations were requested.
    let missing: [MissingReference]

    /// Possible causes of trouble for the guest or the host, one text each.
    public var warnings: [String] {
        fates.filter(\.isWarning).map { fate in
            "\(fate.path): \(fate.reason)" + (fate.advice.map { "\n  \($0)" } ?? "")
        }
    }

    /// Properties that were left out because they refer to a node that the guest doesn't have.
    public var omitted: [String] {
        fates.filter(\.isLostReference).map { $0.node.isEmpty ? $0.property : "\($0.node)/\($0.property)" }
    }
}
