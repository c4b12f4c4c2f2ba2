// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// Why the guest's device tree can't be written, and what to do about it.
public enum GuestTreeProblem: Equatable, Sendable, CustomStringConvertible {
    /// The tree isn't a devicetree, or no phandle can be allocated.
    case tree(DeviceTreeError)
    /// A reference has no target. It is an interrupt of an enabled node, or belongs to a device with strict references.
    case reference(DanglingReference)
    /// Two nodes have the same label.
    case duplicateLabel(String, node: String, other: String)
    /// A device of the board failed with an error that no module declares.
    case device(String, problem: String)

    /// What is wrong, and what to do about it.
    public var description: String {
        switch self {
        case .tree(let error): error.description
        case .reference(let reference): "device tree: \(reference)"
        case .duplicateLabel(let label, let node, let other):
            "device tree: \(other) and \(node) have the same label \(label)\n  choose another label for \(node)"
        case .device(let name, let problem): "device tree: \(name): \(problem)"
        }
    }
}
