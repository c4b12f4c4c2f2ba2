// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree

/// Why a guest can't have a node for a device.
///
/// `description` says which device, why, and what to do about it.
public enum GuestNodeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The host's tree can't be read, or the result isn't a valid device tree.
    case deviceTree(device: String, DeviceTreeError)
    /// The host booted without a device tree, so nothing describes the device to the guest.
    case noDeviceTreeNode(device: String)
    /// `strict` is true, but these references of its node can't be kept.
    case missingReferences(device: String, [String])
    /// The configuration has rates for clocks that the device doesn't have.
    case unknownClocks(device: String, [String], known: [String])
    /// The node lacks what the driver requires according to its `compatible`.
    case incompleteNode(device: String, compatible: String, String)

    /// What failed, why, and what to do.
    public var description: String {
        switch self {
        case .deviceTree(let device, let error): "\(device): \(error)"
        case .noDeviceTreeNode(let device):
            """
            \(device): the host's device tree has no node for it
              the host probably booted with ACPI, and the guest finds devices by the device tree only
              set device_tree.properties, with at least "compatible"
            """
        case .missingReferences(let device, let references):
            """
            \(device): strict is set, and the guest's node would lack references:
              \(references.joined(separator: "\n  "))
              pass the devices through that they refer to, set the properties in device_tree, or remove strict
            """
        case .unknownClocks(let device, let names, let known):
            """
            \(device): device_tree.clocks: unknown clock \(names.map { "\"\($0)\"" }.joined(separator: ", "))
              \(known.isEmpty ? "the device has no clocks" : "the device's clocks are \(known.joined(separator: ", "))")
            """
        case .incompleteNode(let device, let compatible, let problem):
            """
            \(device): the guest's driver needs more for \(compatible)
              \(problem)
            """
        }
    }
}
