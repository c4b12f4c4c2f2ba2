// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// What only people read: what a device hangs on, what follows from a loss, what mends it.
extension NodeWriter {
    mutating func explain(
        _ property: Property, _ rule: ReferenceRule, _ names: [String]?, _ references: [NodeReference?],
        _ outcomes: [ReferenceOutcome], place: String
    ) throws(DeviceTreeError) {
        for (index, reference) in references.enumerated() {
            guard let reference else { continue }
            var outcome = outcomes[index].description
            if case .host(let duty) = rule.kind, !outcomes[index].isCarried {
                // Linux switches on a single one at most (drivers/pmdomain/core.c, genpd_dev_pm_attach).
                outcome =
                    duty == .power && outcomes.count > 1
                    ? "one of \(outcomes.count) power domains: it may go off with the host's driver" : duty.description
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

    /// What a provider refers to itself, unless that was told already. So circles end where they close.
    private mutating func needs(
        of folder: String, depth: Int
    ) throws(DeviceTreeError) -> (needs: [NodeDependency], isToldAbove: Bool) {
        // A dozen nodes are enough to see what it hangs on.
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

    // MARK: What mends a loss

    /// What follows from the loss of a property's entries, and what mends it; nil where nothing has to be done.
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
                "A driver that needs one of these clocks does not start: set device_tree.clocks, with the rates in Hz "
                + "of \(quoted), or of \"*\" for all of them."
        case .supply:
            return "Linux takes a supply that is always on in its place; have the host keep it on."
        case .link: return linkAdvice(property, outcomes)
        case .reset:
            return "A driver that insists on a reset line does not start: add a reset controller (device_tree.overlay)."
        case .host(.power):
            if outcomes.count < 2 { return nil }
            return "Keep them on while the guest runs, by a driver of another device that uses them or a module of the "
                + "host's: what a guest reads from a domain that is off can bring down the host."
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
            return "Most drivers go on without; for one that doesn't, pass \(list) through as well."
        }
        return "A driver that needs it does not start: pass \(list) through as well."
    }
}
