// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// Explanations for people: the dependencies of a device, and the effects and remedies of a loss.
extension NodeWriter {
    mutating func explain(
        _ property: Property, _ rule: ReferenceRule, _ names: [String]?, _ references: [NodeReference?],
        _ outcomes: [ReferenceOutcome], place: String
    ) throws(DeviceTreeError) {
        for (index, reference) in references.enumerated() {
            guard let reference else { continue }
            var outcome = outcomes[index].description
            if case .host(let duty) = rule.kind, !outcomes[index].isCarried {
                // Linux switches on a device's power domain only if it is the only one (drivers/pmdomain/core.c,
                // genpd_dev_pm_attach).
                outcome =
                    duty == .power && outcomes.count > 1
                    ? "one of \(outcomes.count) power domains: it may turn off with the host's driver"
                    : duty.description
            }
            let isPassed = passed.folder(of: reference.phandle) != nil
            var inner: (needs: [NodeDependency], isToldAbove: Bool) = ([], false)
            if !isPassed { inner = try needs(of: reference.provider, depth: 1) }
            dependencies.append(
                NodeDependency(
                    property: NodeSource.join(place, property.name),
                    name: names.flatMap { $0.indices.contains(index) ? $0[index] : nil },
                    provider: tree.path(reference.provider), arguments: reference.arguments, outcome: outcome,
                    dependencies: inner.needs, isToldAbove: inner.isToldAbove))
        }
    }

    /// The references of a provider itself, unless they are already listed. So a circle ends where it closes.
    private mutating func needs(
        of folder: String, depth: Int
    ) throws(DeviceTreeError) -> (needs: [NodeDependency], isToldAbove: Bool) {
        // A limited number of nodes is enough to show the dependencies.
        guard depth < 8, toldCount < 64, let provider = try tree.properties(of: folder) else { return ([], false) }
        if let known = told[folder] { return ([], known) }
        told[folder] = false
        var needs: [NodeDependency] = []
        for property in provider.properties {
            guard let rule = ReferenceRule(property: property.name),
                case .success(let references) = try tree.references(property.value, rule, passed)
            else { continue }
            let names = provider.properties.first { PropertyRole.owner(ofNames: $0.name) == property.name }?.value
                .strings
            for (index, reference) in references.enumerated() {
                guard let reference, toldCount < 64 else { continue }
                toldCount += 1
                told[folder] = true
                let (inner, isToldAbove) = try self.needs(of: reference.provider, depth: depth + 1)
                needs.append(
                    NodeDependency(
                        property: property.name, name: names.flatMap { $0.indices.contains(index) ? $0[index] : nil },
                        provider: tree.path(reference.provider), arguments: reference.arguments, outcome: "",
                        dependencies: inner, isToldAbove: isToldAbove))
            }
        }
        return (needs, false)
    }

    // MARK: Remedies of a loss

    /// The effect of losing a property's entries, and the remedy; nil if nothing needs to be done.
    func advice(
        _ property: String, _ rule: ReferenceRule, _ names: [String]?, _ outcomes: [ReferenceOutcome]
    ) -> String? {
        switch rule.kind {
        case .clock:
            let keys = outcomes.indices.filter { !outcomes[$0].isCarried }.map { index in
                names.map { $0.indices.contains(index) ? $0[index] : "\(index)" } ?? "\(index)"
            }
            if keys.isEmpty { return nil }
            let quoted = keys.map { "\"\($0)\"" }.joined(separator: ", ")
            return
                "A driver that needs one of these clocks does not start: set device_tree.clocks to the rates in Hz "
                + "of \(quoted), or of \"*\" for all of them."
        case .supply:
            return "Linux uses a supply that is always on instead; keep the supply on in the host."
        case .link: return linkAdvice(property, outcomes)
        case .reset:
            return "A driver that requires a reset line does not start: add a reset controller (device_tree.overlay)."
        case .host(.power):
            if outcomes.count < 2 { return nil }
            return "Keep them on while the guest runs, with a driver or a module of the host that uses them: "
                + "a guest that accesses a device without power can crash the host."
        case .host: return nil
        }
    }

    private func linkAdvice(_ property: String, _ outcomes: [ReferenceOutcome]) -> String? {
        var providers: [String] = []
        for case .notPassed(let provider) in outcomes where !providers.contains(provider) {
            providers.append(provider)
        }
        if providers.isEmpty { return nil }
        let list = providers.joined(separator: ", ")
        if property == "dmas" {
            return "Most drivers work without DMA channels; if yours does not, pass \(list) through too."
        }
        return "A driver that needs it does not start: pass \(list) through too."
    }
}
