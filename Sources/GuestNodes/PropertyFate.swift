// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The fate of a property, or of a child node, of the host's node in the guest's node, and the reason.
public struct PropertyFate: Equatable, Sendable {
    /// The kind of fate.
    public enum Fate: String, Sendable {
        /// The guest has it unchanged.
        case copied
        /// The guest has it with another value.
        case rewritten
        /// The guest doesn't have it.
        case dropped
        /// The guest has it, although the host's node doesn't.
        case added
    }

    /// The node below the device's own: "mdio/phy@1". Empty for the device's own node.
    public let node: String
    /// The property's name. Empty when the whole node is meant.
    public let property: String
    /// The kind of fate.
    public let fate: Fate
    /// The reason; it becomes a text only on request, because most starts print none.
    let cause: Cause
    /// The effect of a loss, and the remedy: a text of one line.
    ///
    /// Nil when nothing needs to be done, or the advice wasn't requested.
    public internal(set) var advice: String?

    /// The reason as a text of one line.
    public var reason: String { cause.description }

    /// Whether it may cause trouble for the guest or the host, whatever the device's driver does with its node.
    public var isWarning: Bool {
        if case .severalPowerDomains = cause { return true }
        return false
    }

    /// The property's path below the device's node: "mdio/phy@1/reset-gpios".
    public var path: String { property.isEmpty ? node : NodeSource.join(node, property) }

    /// Whether a reference to another node of the host was lost.
    var isLostReference: Bool {
        guard fate == .dropped else { return false }
        switch cause {
        case .entries, .problem, .host, .notLookedAt, .childInterrupts, .severalPowerDomains: return true
        case .role(.assignedClocks), .role(.interruptMap), .role(.idMap): return true
        default: return false
        }
    }

    enum Cause: Equatable, Sendable {
        case plainData
        /// Not known to be a reference, but no other property explains why this node has the phandle that equals its
        /// first number.
        case maybeReference(String)
        /// The same, and the guest has these nodes.
        case takenForReference([String])
        case guestWindows, noRegions, guestSPIs, noInterrupts, matchesVFIO
        /// A bus of the device, inside its regions or outside of them.
        case bus, noBus
        /// A child whose registers aren't in the device's regions.
        case outOfReach
        /// A child that is passed through as a separate device.
        case ownDevice(String)
        case role(PropertyRole.DropReason)
        case status
        case host(ReferenceRule.HostDuty)
        /// This many power domains: more than the host's kernel attaches by itself.
        case severalPowerDomains(Int)
        case entries([ReferenceOutcome])
        case problem(ReferenceProblem)
        /// Refers to a node that isn't passed through.
        case notLookedAt
        case goesWith(String)
        case childInterrupts
        case noAddresses
        case configuration
        case quirk(String)
        case coherence(String)
        /// The address of the host's interface.
        case interface
    }
}

extension PropertyFate.Cause: CustomStringConvertible {
    var description: String {
        switch self {
        case .plainData: "plain data"
        case .maybeReference(let path):
            "plain data; its first number is also the phandle of \(path) on the host"
        case .takenForReference(let paths):
            "a reference, since nothing else refers to \(paths.joined(separator: ", "))"
        case .guestWindows: "the guest's windows"
        case .noRegions: "VFIO exposes no region"
        case .guestSPIs: "the guest's SPIs; level (high) or edge (rising), as VFIO reports"
        case .noInterrupts: "VFIO exposes no interrupt"
        case .matchesVFIO: "matches what VFIO exposes"
        case .bus: "the guest's addresses for the part of the bus in the device's regions"
        case .noBus: "no address of its bus is in the device's regions"
        case .outOfReach: "its registers are not in the device's regions"
        case .ownDevice(let name): "\(name) is passed through as a device of its own"
        case .role(let reason): reason.description
        case .status: "the guest may use a device that is passed through"
        case .host(let duty): duty.description
        case .severalPowerDomains(let count):
            "it has \(count) power domains, and Linux and VFIO turn on one at most: "
                + "they may turn off with the host's driver"
        case .entries(let outcomes): ReferenceOutcome.text(outcomes)
        case .problem(let problem): problem.description
        case .notLookedAt: "refers to a node that isn't passed through"
        case .goesWith(let property): "goes with \(property)"
        case .childInterrupts: "an interrupt that VFIO doesn't expose"
        case .noAddresses: "no remaining child has an address"
        case .configuration: "the configuration says so"
        case .quirk(let compatible): "required for \(compatible)"
        case .interface: "the address that the device's interface has on the host"
        case .coherence(let path): "\(path) has it for all nodes below it on the host"
        }
    }
}

extension PropertyRole.DropReason {
    var description: String {
        switch self {
        case .freshPhandle: "the guest's nodes get new phandles"
        case .kernelsOwn: "added by the host's kernel"
        case .assignedClocks: "the host has already set its clocks"
        case .dmaRanges: "the guest's DMA addresses are those of its memory"
        case .interruptParent: "the guest's interrupt controller replaces the host's"
        case .interruptMap: "leads to the host's interrupt controller"
        case .idMap: "the IOMMU and the MSI controller stay with the host"
        }
    }
}

extension ReferenceRule.HostDuty {
    var description: String {
        switch self {
        case .translation: "the host programs the IOMMU for the guest"
        case .interrupts: "interrupts come through VFIO"
        case .pins: "the host has set the pins"
        case .power: "the host keeps the device powered"
        case .memory: "the guest doesn't have the host's reserved memory"
        case .bandwidth: "the host controls the interconnect"
        case .scaling: "the host controls frequencies, voltages and cooling"
        }
    }
}
