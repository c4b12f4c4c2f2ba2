// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

extension NodeWriter {
    /// Takes over a property that refers to other nodes, as far as that goes, with the names of its entries.
    mutating func write(
        _ property: Property, _ rule: ReferenceRule, of source: Node, place: String, to node: inout Node
    ) throws(DeviceTreeError) {
        let names = source.properties.filter { PropertyRole.owner(ofNames: $0.name) == property.name }
        guard needsLook(property.value, rule) else {
            lose(property, rule, names, place: place, .notLookedAt)
            return
        }
        let references: [NodeReference?]
        switch try tree.references(property.value, rule, passed) {
        case .success(let found): references = found
        case .failure(let flaw):
            if place.isEmpty, rule.kind == .clock, !settings.clocks.isEmpty {
                try writeConfiguredClocks(names: names.first?.value.strings, to: &node)
            } else {
                lose(property, rule, names, place: place, .flaw(flaw))
            }
            return
        }
        let entryNames = names.first?.value.strings
        if place.isEmpty, rule.kind == .clock { checkClocks(entryNames, count: references.count) }
        var outcomes: [ReferenceOutcome] = []
        for (index, reference) in references.enumerated() {
            let key = entryNames.map { $0.indices.contains(index) ? $0[index] : "" } ?? "\(index)"
            let configured = place.isEmpty ? settings.clocks[key] : nil
            outcomes.append(try outcome(reference, rule, configured: configured))
        }
        if explains { try explain(property, entryNames, references, outcomes, place: place) }
        guard outcomes.contains(where: { $0.isCarried && $0 != .empty }) else {
            lose(property, rule, names, place: place, .entries(outcomes))
            return
        }
        if outcomes.contains(where: { !$0.isCarried }) { miss(property, rule, place, .entries(outcomes)) }
        node.properties.append(Property(property.name, try value(references, outcomes)))
        note(place, property.name, .rewritten, .entries(outcomes))
        for name in names {
            node.properties.append(name)
            note(place, name.name, .copied, .goesWith(property.name))
        }
    }

    /// Whether what the value refers to makes a difference: a start reads no more of the host's tree than it has to.
    private func needsLook(_ value: PropertyValue, _ rule: ReferenceRule) -> Bool {
        switch rule.kind {
        case .clock, .supply: true
        case .link: explains || settings.isStrict || passed.mayContain(value)
        case .host: explains || passed.mayContain(value)
        }
    }

    private func outcome(
        _ reference: NodeReference?, _ rule: ReferenceRule, configured: UInt32?
    ) throws(DeviceTreeError) -> ReferenceOutcome {
        guard let reference else { return .empty }
        let provider = tree.path(reference.provider)
        if passed.folder(of: reference.phandle) != nil { return .passed(provider) }
        switch rule.kind {
        case .clock:
            if let configured { return .clock(hertz: configured, .configuration, provider: provider) }
            switch try tree.rate(of: reference) {
            case .success(let rate): return .clock(hertz: rate.hertz, rate.origin, provider: provider)
            case .failure(let problem): return .unknownRate(provider: provider, problem)
            }
        case .supply:
            // Binding regulator/regulator.yaml: one that has no choice runs at that voltage.
            guard let lowest = try tree.property("regulator-min-microvolt", of: reference.provider)?.cell,
                try tree.property("regulator-max-microvolt", of: reference.provider)?.cell == lowest
            else { return .unknownVoltage(provider: provider) }
            return .regulator(microvolts: lowest, provider: provider)
        case .link, .host: return .notPassed(provider)
        }
    }

    /// The guest's value. What is not carried leaves an empty entry, so that the others keep their places.
    private mutating func value(
        _ references: [NodeReference?], _ outcomes: [ReferenceOutcome]
    ) throws(DeviceTreeError) -> PropertyValue {
        var value = PropertyValue.empty
        for (reference, outcome) in zip(references, outcomes) {
            guard let reference else {
                value.append(cell: 0)
                continue
            }
            switch outcome {
            case .passed:
                value.append(phandle: try passed.guestPhandle(of: reference.provider, &shared))
                value.append(cells: reference.arguments)
            case .clock(let hertz, _, let provider):
                value.append(
                    phandle: try shared.clock(provider: provider, arguments: reference.arguments, hertz: hertz))
            case .regulator(let microvolts, let provider):
                let name = try tree.property("regulator-name", of: reference.provider)?.string
                value.append(
                    phandle: try shared.regulator(
                        provider: provider, name: name ?? String(provider.split(separator: "/").last ?? "supply"),
                        microvolts: microvolts))
            case .empty, .unknownRate, .unknownVoltage, .notPassed: value.append(cell: 0)
            }
        }
        return value
    }

    private mutating func lose(
        _ property: Property, _ rule: ReferenceRule, _ names: [Property], place: String, _ cause: PropertyFate.Cause
    ) {
        var cause = cause
        if case .host(let duty) = rule.kind { cause = .host(duty) }
        note(place, property.name, .dropped, cause)
        for name in names { note(place, name.name, .dropped, .goesWith(property.name)) }
        miss(property, rule, place, cause)
    }

    /// Remembers that something is not there that a driver may ask for. What the host sees to is no loss.
    private mutating func miss(
        _ property: Property, _ rule: ReferenceRule, _ place: String, _ cause: PropertyFate.Cause
    ) {
        if case .host = rule.kind { return }
        guard settings.isStrict else { return }
        losses.append("\(NodeSource.join(place, property.name)): \(cause)")
    }

    // MARK: Clocks that the configuration knows

    /// The names in the configuration must be the device's.
    private mutating func checkClocks(_ names: [String]?, count: Int) {
        let known = names ?? (0..<count).map { "\($0)" }
        let unknown = settings.clocks.keys.filter { !known.contains($0) }.sorted()
        if !unknown.isEmpty { fail(.unknownClocks(device: request.name, unknown, known: known)) }
    }

    /// Gives the device the clocks of the configuration where the host's tree can't say which there are.
    /// - Parameter names: `clock-names` of the host's node; without them, that of the configuration's keys, unless those
    ///   are indices.
    mutating func writeConfiguredClocks(names: [String]?, to node: inout Node) throws(DeviceTreeError) {
        let indices = settings.clocks.keys.compactMap { Int($0) }
        let isIndexed = names == nil && indices.count == settings.clocks.count
        // Any more are a slip of the pen.
        let count = min(max(indices.max() ?? 0, 0), 63) + 1
        let keys = isIndexed ? (0..<count).map { "\($0)" } : names ?? settings.clocks.keys.sorted()
        checkClocks(keys, count: keys.count)
        var value = PropertyValue.empty
        for key in keys {
            guard let hertz = settings.clocks[key] else {
                value.append(cell: 0)
                continue
            }
            value.append(phandle: try shared.clock(provider: "\(request.name) \(key)", arguments: [], hertz: hertz))
        }
        node[property: "clocks"] = value
        let isNew = source.node[property: "clocks"] == nil
        note("", "clocks", isNew ? .added : .rewritten, .configuration)
        if isIndexed { return }
        node[property: "clock-names"] = .strings(keys)
        note("", "clock-names", isNew ? .added : .copied, .goesWith("clocks"))
    }

    // MARK: Explanations

    private mutating func explain(
        _ property: Property, _ names: [String]?, _ references: [NodeReference?], _ outcomes: [ReferenceOutcome],
        place: String
    ) throws(DeviceTreeError) {
        for (index, reference) in references.enumerated() {
            guard let reference else { continue }
            let isPassed = passed.folder(of: reference.phandle) != nil
            // A dozen nodes are enough to see what it hangs on.
            var budget = 64
            dependencies.append(
                NodeDependency(
                    property: NodeSource.join(place, property.name),
                    name: names.flatMap { $0.indices.contains(index) ? $0[index] : nil },
                    provider: tree.path(reference.provider), arguments: reference.arguments,
                    outcome: outcomes[index].description,
                    dependencies: isPassed
                        ? [] : try needs(of: reference.provider, above: [reference.provider], budget: &budget)))
        }
    }

    /// What a provider refers to itself. Circles end where they close.
    private func needs(
        of folder: String, above: [String], budget: inout Int
    ) throws(DeviceTreeError) -> [NodeDependency] {
        guard above.count < 8, let provider = try tree.properties(of: folder) else { return [] }
        var needs: [NodeDependency] = []
        for property in provider.properties {
            guard let rule = ReferenceRule(property: property.name),
                case .success(let references) = try tree.references(property.value, rule, passed)
            else { continue }
            let names = provider.properties.first { PropertyRole.owner(ofNames: $0.name) == property.name }?.value
                .strings
            for (index, reference) in references.enumerated() {
                guard let reference, budget > 0 else { continue }
                budget -= 1
                let isKnown = above.contains(reference.provider)
                needs.append(
                    NodeDependency(
                        property: property.name, name: names.flatMap { $0.indices.contains(index) ? $0[index] : nil },
                        provider: tree.path(reference.provider), arguments: reference.arguments, outcome: "",
                        dependencies: isKnown
                            ? []
                            : try self.needs(
                                of: reference.provider, above: above + [reference.provider], budget: &budget)))
            }
        }
        return needs
    }
}
