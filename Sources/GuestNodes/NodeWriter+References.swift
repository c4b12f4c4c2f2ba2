// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices

extension NodeWriter {
    /// Writes a property that refers to other nodes, as far as the guest has them, with the names of its entries.
    mutating func write(
        _ property: Property, _ rule: ReferenceRule, of source: Node, place: String, to node: inout Node
    ) throws(DeviceTreeError) {
        let names = source.properties.filter { PropertyRole.owner(ofNames: $0.name) == property.name }
        guard needsLook(property, rule) else {
            lose(property, rule, names, place: place, .notLookedAt)
            return
        }
        let entryNames = names.first?.value.strings
        let references: [NodeReference?]
        switch try tree.references(property.value, rule, passed) {
        case .success(let found): references = found
        case .failure(let problem):
            if place.isEmpty, rule.kind == .clock, hasRate(forAny: entryNames, of: source) {
                try writeConfiguredClocks(names: entryNames, to: &node)
            } else {
                lose(property, rule, names, place: place, .problem(problem))
                if explains { demand(property, rule, entryNames, [], [], place: place) }
            }
            return
        }
        if place.isEmpty, rule.kind == .clock { checkClocks(entryNames, count: references.count) }
        var outcomes: [ReferenceOutcome] = []
        for (index, reference) in references.enumerated() {
            let key = entryNames.map { $0.indices.contains(index) ? $0[index] : "" } ?? "\(index)"
            let isOwn = place.isEmpty
            let recorded =
                isOwn && rule.kind == .clock
                ? request.record?.clock(
                    named: entryNames == nil ? nil : key, at: index, of: references.count) : nil
            outcomes.append(
                try outcome(
                    reference, rule, configured: isOwn ? settings.clocks[key] : nil, recorded: recorded,
                    supply: isOwn ? request.record?.supply(property.name)?.microvolts : nil,
                    standIn: standIn(key, of: source)))
        }
        if tellsDependencies { try explain(property, rule, entryNames, references, outcomes, place: place) }
        guard outcomes.contains(where: { $0.isCarried && $0 != .empty }) else {
            lose(property, rule, names, place: place, .entries(outcomes), outcomes)
            if explains { demand(property, rule, entryNames, references, outcomes, place: place) }
            return
        }
        var advice: String?
        if outcomes.contains(where: { !$0.isCarried }) {
            miss(property, rule, place, .entries(outcomes))
            if explains {
                advice = self.advice(property.name, rule, entryNames, outcomes)
                demand(property, rule, entryNames, references, outcomes, place: place)
            }
        }
        let kept = kept(rule, entryNames, outcomes)
        node.properties.append(
            Property(
                property.name,
                try value(kept.map { references[$0] }, kept.map { outcomes[$0] }, isOwn: place.isEmpty)))
        note(place, property.name, .rewritten, .entries(outcomes))
        fates[fates.count - 1].advice = advice
        for name in names {
            if rule.kind == .clock, kept.count < outcomes.count, let entryNames, name.name == names.first?.name {
                node.properties.append(Property(name.name, .strings(kept.map { entryNames[$0] })))
                note(place, name.name, .rewritten, .goesWith(property.name))
            } else {
                node.properties.append(name)
                note(place, name.name, .copied, .goesWith(property.name))
            }
        }
    }

    /// Whether the targets of the value matter: a start reads as little of the host's tree as possible.
    private func needsLook(_ property: Property, _ rule: ReferenceRule) -> Bool {
        switch rule.kind {
        case .clock, .supply, .reset: true
        case .link: explains || settings.isStrict || settings.copiesRegisterBlocks || passed.mayContain(property.value)
        case .host(.power):
            // A value of one cell is one domain.
            explains || passed.mayContain(property.value) || property.value.bytes.count > 4
        case .host: explains || passed.mayContain(property.value)
        }
    }

    private func outcome(
        _ reference: NodeReference?, _ rule: ReferenceRule, configured: UInt32?, recorded: HostRecord.Clock?,
        supply: UInt32?, standIn: ClockRate?
    ) throws(DeviceTreeError) -> ReferenceOutcome {
        guard let reference else { return .empty }
        let provider = tree.path(reference.provider)
        if passed.folder(of: reference.phandle) != nil { return .passed(provider) }
        switch rule.kind {
        case .clock:
            if let configured { return .clock(hertz: configured, .configuration, provider: provider) }
            switch try tree.rate(of: reference, recorded: recorded) {
            case .success(let rate): return .clock(hertz: rate.hertz, rate.origin, provider: provider)
            case .failure(let problem):
                if let standIn { return .clock(hertz: standIn.hertz, standIn.origin, provider: provider) }
                return .unknownRate(provider: provider, problem)
            }
        case .supply:
            // Binding regulator/regulator.yaml: if both limits are equal, the regulator has that voltage.
            guard let lowest = try tree.property("regulator-min-microvolt", of: reference.provider)?.cell,
                try tree.property("regulator-max-microvolt", of: reference.provider)?.cell == lowest
            else {
                let present = supply ?? tree.microvolts(of: reference.provider)
                guard let present, present > 0 else { return .unknownVoltage(provider: provider) }
                return .regulator(microvolts: present, isPresent: true, provider: provider)
            }
            return .regulator(microvolts: lowest, provider: provider)
        case .reset: return .resetLine(provider: provider)
        case .link:
            if settings.copiesRegisterBlocks, RegisterBlock(at: reference.provider, of: tree) != nil {
                return .registerCopy(provider)
            }
            return .notPassed(provider)
        case .host: return .notPassed(provider)
        }
    }

    /// The indices of the entries that the guest's property gets.
    private func kept(_ rule: ReferenceRule, _ names: [String]?, _ outcomes: [ReferenceOutcome]) -> [Int] {
        if !rule.keepsPlaces { return outcomes.indices.filter { outcomes[$0].isCarried && outcomes[$0] != .empty } }
        // For Linux an empty clock is an error if a driver asks for all clocks (drivers/clk/clk-bulk.c,
        // clk_bulk_get_all). An entry before others keeps its place, because drivers also ask by index.
        let isCarried = outcomes.map(\.isCarried)
        guard rule.kind == .clock, names?.count == outcomes.count, let end = isCarried.firstIndex(of: false),
            !isCarried[end...].contains(true)
        else { return Array(outcomes.indices) }
        return Array(0..<end)
    }

    /// The guest's value. An entry that isn't kept becomes an empty one, so that the others keep their places.
    /// - Parameter isOwn: whether the value is for the device's own node, and not for one below it.
    private mutating func value(
        _ references: [NodeReference?], _ outcomes: [ReferenceOutcome], isOwn: Bool
    ) throws(DeviceTreeError) -> PropertyValue {
        var value = PropertyValue.empty
        for (reference, outcome) in zip(references, outcomes) {
            guard let reference else {
                value.append(cell: 0)
                continue
            }
            value.append(cells: reference.leading)
            switch outcome {
            case .passed:
                value.append(phandle: try passed.guestPhandle(of: reference.provider, &shared))
                value.append(cells: reference.arguments)
            case .clock(let hertz, .standIn, _): value.append(phandle: try standIn(hertz))
            case .clock(let hertz, _, let provider):
                value.append(
                    phandle: try shared.clock(provider: provider, arguments: reference.arguments, hertz: hertz))
            case .regulator(let microvolts, _, let provider):
                let name = try tree.property("regulator-name", of: reference.provider)?.string
                value.append(
                    phandle: try shared.regulator(
                        provider: provider, name: name ?? String(provider.split(separator: "/").last ?? "supply"),
                        microvolts: microvolts))
            case .registerCopy:
                value.append(phandle: try shared.phandle(ofCopyOf: reference.provider))
                value.append(cells: reference.arguments)
            case .resetLine:
                guard let line = try shared.add(.init(device: request.name, isOwn: isOwn)) else {
                    value.append(cell: 0)
                    continue
                }
                value.append(phandle: line.controller)
                value.append(cell: line.number)
            case .empty, .unknownRate, .unknownVoltage, .notPassed: value.append(cell: 0)
            }
        }
        return value
    }

    private mutating func lose(
        _ property: Property, _ rule: ReferenceRule, _ names: [Property], place: String, _ cause: PropertyFate.Cause,
        _ outcomes: [ReferenceOutcome] = []
    ) {
        var cause = cause
        if case .host(let duty) = rule.kind {
            let isSeveral = property.name == "power-domains" && outcomes.count > 1
            cause = isSeveral ? .severalPowerDomains(outcomes.count) : .host(duty)
        }
        note(place, property.name, .dropped, cause)
        if explains || fates[fates.count - 1].isWarning {
            fates[fates.count - 1].advice = advice(property.name, rule, names.first?.value.strings, outcomes)
        }
        for name in names { note(place, name.name, .dropped, .goesWith(property.name)) }
        miss(property, rule, place, cause)
    }

    /// Records that a reference is missing that a driver may need. A resource that the host manages doesn't count.
    private mutating func miss(
        _ property: Property, _ rule: ReferenceRule, _ place: String, _ cause: PropertyFate.Cause
    ) {
        if case .host = rule.kind { return }
        guard settings.isStrict else { return }
        losses.append("\(NodeSource.join(place, property.name)): \(cause)")
    }
}
