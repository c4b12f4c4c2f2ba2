// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import GuestNodes
internal import HostDevices
internal import LinuxSystem
internal import Machine
internal import Passthrough
internal import PlatformBus
internal import VFIO

/// A device as `martlet devices --json` prints it.
struct DeviceRecord: Encodable {
    struct Group: Encodable {
        struct Member: Encodable {
            let name: String
            let driver: String?
        }
        let id: Int
        /// "iommu" or "none", as in the report of a run.
        let isolation: String
        /// The group's other devices.
        let others: [Member]
    }

    struct Region: Encodable {
        let index: Int
        let name: String?
        let hostAddress: String?
        let size: UInt64
        /// "mappable", "trapped", "empty" without any bytes, or "unknown" without a host address.
        let access: String
        /// For a trapped region, what isn't page-aligned: "address" or "size".
        let reason: String?

        private enum CodingKeys: String, CodingKey {
            case index, name, size, access, reason
            case hostAddress = "host_address"
        }
    }

    struct Interrupt: Encodable {
        let index: Int
        let name: String?
        /// "level", "edge", or absent when the host's tree doesn't say.
        let trigger: String?
        let perCPU: Bool

        private enum CodingKeys: String, CodingKey {
            case index, name, trigger
            case perCPU = "per_cpu"
        }
    }

    struct Verdict: Encodable {
        /// "ready", "needs bind", "needs" or "impossible".
        let state: String
        let reasons: [String]
    }

    /// The node that the guest would get, for a device that was named.
    struct GuestNode: Encodable {
        struct Property: Encodable {
            /// The path of the child node with the property; empty for the device's own node.
            let node: String
            /// Empty when the whole child node is meant.
            let name: String
            /// "copied", "rewritten", "dropped" or "added".
            let fate: String
            let reason: String
            /// The effect of a lost property, and the remedy; absent when nothing needs to be done.
            let advice: String?
        }

        struct Dependency: Encodable {
            let property: String
            let name: String?
            /// A path in the host's tree.
            let provider: String
            let arguments: [UInt32]
            /// The guest's replacement; empty when only the host needs the provider.
            let outcome: String
            let dependencies: [Dependency]
            /// Whether `dependencies` is empty because an earlier entry with the same provider has them.
            let toldAbove: Bool

            private enum CodingKeys: String, CodingKey {
                case property, name, provider, arguments, outcome, dependencies
                case toldAbove = "told_above"
            }

            init(_ dependency: NodeDependency) {
                toldAbove = dependency.isToldAbove
                property = dependency.property
                name = dependency.name
                provider = dependency.provider
                arguments = dependency.arguments
                outcome = dependency.outcome
                dependencies = dependency.dependencies.map(Dependency.init)
            }
        }

        /// Devicetree source: the node, then fixed clocks and regulators; absent when it can't be generated.
        let source: String?
        /// Why it can't be generated.
        let error: String?
        /// Possible causes of trouble for the guest or the host.
        let warnings: [String]
        let properties: [Property]
        let dependencies: [Dependency]

        init(_ preview: Result<NodePreview, MachineError>) {
            switch preview {
            case .failure(let failure):
                source = nil
                error = "\(failure)"
                warnings = []
                properties = []
                dependencies = []
            case .success(let preview):
                source = (preview.nodes.map(\.node) + preview.shared).map(\.description).joined()
                error = nil
                warnings = preview.nodes.flatMap(\.warnings)
                properties = preview.nodes.flatMap(\.fates).map { fate in
                    Property(
                        node: fate.node, name: fate.property, fate: fate.fate.rawValue, reason: fate.reason,
                        advice: fate.advice)
                }
                dependencies = preview.nodes.flatMap(\.dependencies).map(Dependency.init)
            }
        }
    }

    let name: String
    let bus: String
    let path: String
    let node: String?
    let compatible: [String]
    let driver: String?
    let group: Group?
    let regions: [Region]
    let interrupts: [Interrupt]
    /// Whether the kernel can reset it: "yes", "no" or "known once open".
    let reset: String
    /// The value of `compatible` for which Martlet has a recipe, which is used if the kernel can't reset the device;
    /// absent for none.
    let resetRecipe: String?
    let verdict: Verdict
    /// What martlet-hold holds of it, in its words; absent when it isn't held, and for a device that wasn't named.
    let held: String?
    let guestNode: GuestNode?
    let guest: Guest
    /// Absent when nothing is known.
    let host: Host?
    /// Absent when the kernel itself created it.
    let madeBy: Parent?

    private enum CodingKeys: String, CodingKey {
        case name, bus, path, node, compatible, driver, group, regions, interrupts, reset, verdict, held, guest, host
        case resetRecipe = "reset_recipe"
        case guestNode = "guest_node"
        case madeBy = "made_by"
    }

    init(
        _ survey: DeviceSurvey, _ judgement: DeviceVerdict, _ preview: Result<NodePreview, MachineError>? = nil,
        hold: DeviceHold = .unavailable
    ) {
        guest = Guest(judgement, device: survey.device.name)
        host = survey.record.flatMap { $0.isEmpty ? nil : Host($0) }
        madeBy = survey.parent.map { Parent(device: $0.device, driver: $0.driver) }
        held = if case .held(let what) = hold { what } else { nil }
        guestNode = preview.map(GuestNode.init)
        let device = survey.device
        name = device.name
        bus = device.bus.rawValue
        path = device.path
        node = device.deviceTreeNode
        compatible = survey.compatible
        driver = device.driver
        group = device.group.map { group in
            Group(
                id: group.id, isolation: group.isNoIOMMU ? "none" : "iommu",
                others: group.others.map { Group.Member(name: $0.name, driver: $0.driver) })
        }
        regions = survey.regions.enumerated().map { index, region in
            let (access, reason): (String, String?) =
                switch region.access {
                case .mappable: ("mappable", nil)
                case .trappedForAddress: ("trapped", "address")
                case .trappedForSize: ("trapped", "size")
                case .unknown: ("unknown", nil)
                case .empty: ("empty", nil)
                }
            return Region(
                index: index, name: region.name, hostAddress: region.hostAddress.map { hex($0) },
                size: region.size, access: access, reason: reason)
        }
        interrupts = survey.interrupts.enumerated().map { index, interrupt in
            Interrupt(
                index: index, name: interrupt.name,
                trigger: interrupt.trigger.map { $0 == .level ? "level" : "edge" }, perCPU: interrupt.isPerCPU)
        }
        resetRecipe = survey.recipe
        reset =
            switch survey.reset {
            case .yes: "yes"
            case .no: "no"
            case .knownOnceOpen: "known once open"
            }
        verdict =
            switch survey.verdict {
            case .ready: Verdict(state: "ready", reasons: [])
            case .needsBind: Verdict(state: "needs bind", reasons: [])
            case .needs(let reasons): Verdict(state: "needs", reasons: reasons)
            case .impossible(let reasons): Verdict(state: "impossible", reasons: reasons)
            }
    }
}
