// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// What was counted on one board, or on all.
struct Tally: Sendable {
    enum Count: String, CaseIterable, Sendable {
        case failures = "devices without a node for an error"
        case changedByWriting = "trees that are others once written and read"
        case changedByExplaining = "boards whose nodes are others with explanations"
        case wrongReferences = "references whose number is another node's phandle"
        case staleReferences = "references copied with the host's number"
        case numbersTaken = "numbers taken for references"
        case trueNotes = "notes that a number may refer to a node: true"
        case falseNotes = "notes that a number may refer to a node: false"
    }

    var boards = 0
    var devices = 0
    /// Devices with a reference that was copied with the host's number.
    var staleDevices = 0
    /// References copied so in guests that have all devices of their board.
    var staleTogether = 0
    /// Properties that were lost and need somebody's attention.
    var losses = 0
    var warnings = 0
    /// Entries of the longest list of what a device depends on.
    var longestExplanation = 0
    /// Devices of a kind, and how many of them will probably work.
    struct Share: Sendable {
        var devices = 0
        /// As the board's tree alone has it.
        var work = 0
        /// With what `bind` notes of their clocks.
        var workWithRecord = 0
        /// What the others need then, in how many devices.
        var needs: [String: Int] = [:]

        mutating func add(_ other: Share) {
            devices += other.devices
            work += other.work
            workWithRecord += other.workWithRecord
            for (need, count) in other.needs { needs[need, default: 0] += count }
        }

        var text: String {
            guard devices > 0 else { return "-" }
            let most = needs.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(4)
                .map { "\($0.key) \($0.value)" }
            return "\(devices)  \(work * 100 / devices) %  \(workWithRecord * 100 / devices) %  "
                + most.joined(separator: ", ")
        }
    }

    var shares: [DeviceKind: Share] = [:]
    /// A line for each need of a device, with its kind.
    var unmet: [String] = []
    private(set) var counts: [Count: Int] = [:]
    /// Where, for each count.
    private(set) var places: [(count: Count, place: String)] = []

    subscript(_ count: Count) -> Int { counts[count] ?? 0 }

    mutating func note(_ count: Count, _ place: String) {
        counts[count, default: 0] += 1
        places.append((count, place))
    }

    mutating func add(_ other: Tally) {
        boards += other.boards
        devices += other.devices
        staleDevices += other.staleDevices
        staleTogether += other.staleTogether
        losses += other.losses
        warnings += other.warnings
        longestExplanation = max(longestExplanation, other.longestExplanation)
        for (kind, share) in other.shares { shares[kind, default: Share()].add(share) }
        for (count, number) in other.counts { counts[count, default: 0] += number }
        places += other.places
        unmet += other.unmet
    }

    /// All kinds together.
    private var allKinds: Share {
        var sum = Share()
        for share in shares.values { sum.add(share) }
        return sum
    }

    /// The targets that were missed, a line each.
    var missedTargets: [String] {
        var missed: [String] = []
        for count in [Count.failures, .changedByWriting, .changedByExplaining, .wrongReferences] where self[count] > 0 {
            missed.append("\(count.rawValue): \(self[count]), and none is allowed")
        }
        if staleDevices * 200 > devices { missed.append("more than 0.5 % of the devices have a stale reference") }
        let notes = self[.trueNotes] + self[.falseNotes]
        if self[.falseNotes] * 20 > notes { missed.append("more than 5 % of the notes are false") }
        let share = allKinds
        // A tree has the rates of few clocks, and none is guessed: 35 % is what trees alone give.
        if share.work * 100 < share.devices * 33 {
            missed.append("less than 33 % of the devices of these kinds work without a record")
        }
        if share.workWithRecord * 100 < share.devices * 85 {
            missed.append("less than 85 % of the devices of these kinds work with a record")
        }
        return missed
    }

    /// Two columns.
    func table(seconds: Double, cpuSeconds: Double) -> [(String, String)] {
        var rows = [("boards", "\(boards)"), ("devices", "\(devices)")]
        rows += Count.allCases.map { ($0.rawValue, "\(self[$0])") }
        let share = devices == 0 ? 0 : Double(staleDevices * 10000 / devices) / 100
        rows.append(("devices with a stale reference", "\(staleDevices) (\(share) %)"))
        rows.append(("stale references, all devices of a board together", "\(staleTogether)"))
        rows.append(("lost properties with advice", "\(losses)"))
        rows.append(("warnings", "\(warnings)"))
        rows.append(("longest list of dependencies", "\(longestExplanation)"))
        rows.append(("kind: devices, probably work, with clocks' record; need", ""))
        for kind in DeviceKind.allCases {
            rows.append(("  \(kind.rawValue)", (shares[kind] ?? Share()).text))
        }
        rows.append(("  all of these", allKinds.text))
        rows.append(("seconds", "\(Double(Int(seconds * 10)) / 10)"))
        rows.append(("seconds of CPU time", "\(Double(Int(cpuSeconds * 10)) / 10)"))
        return rows
    }
}
