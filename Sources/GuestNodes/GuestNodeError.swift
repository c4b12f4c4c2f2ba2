// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// Why a guest can't have a node for a device. `description` says which device, why, and what to do about it.
public enum GuestNodeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The host's tree can't be read, or what would be written is no device tree.
    case deviceTree(device: String, DeviceTreeError)
    /// The host booted without a device tree, so nothing describes the device to the guest.
    case noDeviceTreeNode(device: String)
    /// `strict` is on, and these references of its node can't be carried over.
    case missingReferences(device: String, [String])
    /// The configuration has rates for clocks that the device hasn't got.
    case unknownClocks(device: String, [String], known: [String])
    /// What its driver needs, going by its `compatible`, is not there.
    case incompleteNode(device: String, compatible: String, String)

    /// What failed and why, and what to do.
    public var description: String {
        switch self {
        case .deviceTree(let device, let error): "\(device): \(error)"
        case .noDeviceTreeNode(let device):
            """
            \(device): the host's device tree has no node for it
              the guest's driver could not find the device; this host was probably booted with ACPI
              describe it in the configuration: device_tree.properties with "compatible" at least
            """
        case .missingReferences(let device, let references):
            """
            \(device): what its node refers to can't all be carried into the guest's device tree, and strict is on
              \(references.joined(separator: "\n  "))
              pass those devices through too, give what is missing in device_tree, or leave strict out
            """
        case .unknownClocks(let device, let names, let known):
            """
            \(device): device_tree.clocks has no business with \(names.map { "\"\($0)\"" }.joined(separator: ", "))
              \(known.isEmpty ? "the device has no clocks" : "its clocks are \(known.joined(separator: ", "))")
            """
        case .incompleteNode(let device, let compatible, let problem):
            """
            \(device): a guest can't drive this \(compatible)
              \(problem)
            """
        }
    }
}
