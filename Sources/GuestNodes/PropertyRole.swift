// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// The role of a property of the host's node for the guest's, by its name: bindings share their names.
enum PropertyRole: Equatable {
    /// Numbers, strings and flags, which mean the same to the guest.
    case data
    /// Probably data, as most properties are; its name isn't known.
    case unknown
    /// Refers to other nodes.
    case reference(ReferenceRule)
    /// Names the entries of another property, and is kept or dropped with it.
    case names(of: String)
    /// Has no meaning in the guest's tree, or is written anew.
    case dropped(DropReason)

    /// Why a property that isn't a reference is left out.
    enum DropReason: Equatable, Sendable {
        case freshPhandle, kernelsOwn, assignedClocks, dmaRanges, interruptMap, interruptParent, idMap
    }

    /// - Parameter node: the host's node with the property.
    init(_ name: String, of node: Node) {
        // Without the map there are no cells to count.
        if name == "#interrupt-cells", node[property: "interrupt-map"] != nil,
            node[property: "interrupt-controller"] == nil
        {
            self = .dropped(.interruptMap)
        } else {
            self.init(name)
        }
    }

    init(_ name: String) {
        switch name {
        case "compatible", "reg", "interrupts", "dma-coherent", "model", "label": self = .data
        case "phandle", "linux,phandle": self = .dropped(.freshPhandle)
        case "name": self = .dropped(.kernelsOwn)
        case "dma-ranges": self = .dropped(.dmaRanges)
        case "interrupt-map", "interrupt-map-mask": self = .dropped(.interruptMap)
        case "iommu-map", "iommu-map-mask", "msi-map", "msi-map-mask": self = .dropped(.idMap)
        default:
            if let rule = ReferenceRule(property: name) {
                self = .reference(rule)
            } else if let owner = Self.owner(ofNames: name) {
                self = .names(of: owner)
            } else {
                self = name.hasPrefix("assigned-") ? .dropped(.assignedClocks) : .unknown
            }
        }
    }

    /// The property whose entries `name` names.
    static func owner(ofNames name: String) -> String? {
        guard name.hasSuffix("-names") else { return nil }
        switch name {
        case "clock-names": return "clocks"
        case "reset-names": return "resets"
        case "dma-names": return "dmas"
        case "phy-names": return "phys"
        case "mbox-names": return "mboxes"
        case "power-domain-names": return "power-domains"
        case "interconnect-names": return "interconnects"
        case "nvmem-cell-names": return "nvmem-cells"
        case "io-channel-names": return "io-channels"
        case "pwm-names": return "pwms"
        case "hwlock-names": return "hwlocks"
        case "memory-region-names": return "memory-region"
        case "pinctrl-names": return "pinctrl-0"
        case "iommu-names": return "iommus"
        case "mux-control-names": return "mux-controls"
        case "mux-state-names": return "mux-states"
        case "access-controller-names": return "access-controllers"
        case "gpio-ranges-group-names": return "gpio-ranges"
        case "thermal-sensor-names": return "thermal-sensors"
        case "extcon-names": return "extcon"
        case "reg-names": return "reg"
        case "interrupt-names": return "interrupts"
        default: return nil
        }
    }

    /// The property that names the entries of `name`.
    static func names(of name: String) -> String? {
        switch name {
        case "clocks": "clock-names"
        case "resets": "reset-names"
        case "dmas": "dma-names"
        case "phys": "phy-names"
        case "mboxes": "mbox-names"
        case "power-domains": "power-domain-names"
        case "nvmem-cells": "nvmem-cell-names"
        case "interconnects": "interconnect-names"
        case "io-channels": "io-channel-names"
        case "pwms": "pwm-names"
        case "hwlocks": "hwlock-names"
        case "memory-region": "memory-region-names"
        case "mux-controls": "mux-control-names"
        case "mux-states": "mux-state-names"
        default: nil
        }
    }
}
