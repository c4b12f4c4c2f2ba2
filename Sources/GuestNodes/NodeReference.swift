// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree
internal import HostDevices
internal import LinuxSystem

/// An entry of a property that refers to other nodes.
struct NodeReference: Equatable {
    let phandle: Phandle
    /// The folder of the node that it refers to.
    let provider: String
    let arguments: [UInt32]
    /// The numbers before the phandle.
    var leading: [UInt32] = []
}

/// Why a property can't be split into its entries.
enum ReferenceProblem: Error, Equatable, Sendable, CustomStringConvertible {
    case noSuchNode(UInt32)
    case noCellCount(provider: String, property: String)
    case tooManyCells(provider: String, property: String)
    case truncated
    case tooManyEntries
    /// There are several ways to split it.
    case ambiguous

    var description: String {
        switch self {
        case .noSuchNode(let phandle): "no node of the host has its phandle \(hex(phandle))"
        case .noCellCount(let provider, let property): "\(provider) has no valid \(property)"
        case .tooManyCells(let provider, let property): "\(property) of \(provider) is greater than 16"
        case .truncated: "its value ends in the middle of an entry"
        case .tooManyEntries: "it has more than 256 entries"
        case .ambiguous: "its binding doesn't say where an entry ends"
        }
    }
}

/// The outcome of an entry for the guest.
enum ReferenceOutcome: Equatable, Sendable, CustomStringConvertible {
    /// It is empty on the host too.
    case empty
    /// It refers to the guest's copy of this node of the host.
    case passed(String)
    case clock(hertz: UInt32, ClockRate.Origin, provider: String)
    /// `isPresent`: its voltage isn't fixed, and this is the current one.
    case regulator(microvolts: UInt32, isPresent: Bool = false, provider: String)
    /// It refers to a copy of this block of registers of the host.
    case registerCopy(String)
    /// It refers to a line of the guest's reset controller.
    case resetLine(provider: String)
    case unknownRate(provider: String, ClockRate.Problem)
    case unknownVoltage(provider: String)
    case notPassed(String)

    /// The outcomes in order as text; a run of equal losses appears once.
    static func text(_ outcomes: [ReferenceOutcome]) -> String {
        var runs: [(text: String, count: Int)] = []
        for outcome in outcomes {
            let text = outcome.description
            if !outcome.isCarried, runs.last?.text == text {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((text, 1))
            }
        }
        return runs.map { $0.count == 1 ? $0.text : "\($0.text) (\($0.count) times)" }.joined(separator: "; ")
    }

    /// Whether the guest gets the entry.
    var isCarried: Bool {
        switch self {
        case .empty, .passed, .clock, .regulator, .registerCopy, .resetLine: true
        case .unknownRate, .unknownVoltage, .notPassed: false
        }
    }

    var description: String {
        switch self {
        case .empty: "an empty entry"
        case .passed(let path): "the guest's \(path)"
        case .clock(let hertz, let origin, let provider): "\(provider): a fixed clock of \(hertz) Hz (\(origin))"
        case .regulator(let microvolts, let isPresent, let provider):
            "\(provider): a fixed regulator of \(microvolts) µV" + (isPresent ? " (its voltage on the host now)" : "")
        case .registerCopy(let provider): "a copy of \(provider)"
        case .resetLine(let provider): "\(provider): a line of the guest's reset controller"
        case .unknownRate(let provider, let problem): "\(provider): \(problem)"
        case .unknownVoltage(let provider): "\(provider): its voltage is not fixed"
        case .notPassed(let provider): "\(provider) is not passed through"
        }
    }
}

/// Another node of the host that a device needs, and the needs of that node.
public struct NodeDependency: Equatable, Sendable {
    /// The property with the reference, of the device or of the provider above: "clocks".
    public let property: String
    /// The name of the entry (in `clock-names`), if it has one.
    public let name: String?
    /// The node that is referred to, as its path in the host's tree.
    public let provider: String
    /// The cells that follow the phandle.
    public let arguments: [UInt32]
    /// The guest's replacement; empty if only the host needs it.
    public let outcome: String
    /// The needs of the provider itself; they are listed once for each provider of a device.
    public let dependencies: [NodeDependency]
    /// Whether the needs of the provider are listed further up.
    public let isToldAbove: Bool
}

extension HostTree {
    /// Splits the value of a reference into entries; nil stands for an empty entry.
    func references(
        _ value: PropertyValue, _ rule: ReferenceRule, _ passed: PassedNodes
    ) throws(DeviceTreeError) -> Result<[NodeReference?], ReferenceProblem> {
        let arguments: ReferenceRule.Arguments
        switch try known(rule.arguments, value, passed) {
        case .success(let known): arguments = known
        case .failure(let problem): return .failure(problem)
        }
        var references: [NodeReference?] = []
        var reader = value.reader
        while reader.remainingByteCount > 0 {
            guard references.count < 256 else { return .failure(.tooManyEntries) }
            var leading: [UInt32] = []
            for _ in 0..<rule.leading {
                guard let cell = reader.cell() else { return .failure(.truncated) }
                leading.append(cell)
            }
            guard let cell = reader.cell() else { return .failure(.truncated) }
            guard cell != 0 else {
                references.append(nil)
                continue
            }
            guard let phandle = Phandle(rawValue: cell), let found = try folder(of: phandle, passed) else {
                return .failure(.noSuchNode(cell))
            }
            var cells: [UInt32] = []
            switch try count(arguments, of: found, remaining: reader.remainingByteCount / 4) {
            case .success(let count):
                for _ in 0..<count {
                    guard let cell = reader.cell() else { return .failure(.truncated) }
                    cells.append(cell)
                }
            case .failure(let problem): return .failure(problem)
            }
            references.append(
                NodeReference(phandle: phandle, provider: found, arguments: cells, leading: leading))
        }
        return references.isEmpty ? .failure(.truncated) : .success(references)
    }

    private func folder(of phandle: Phandle, _ passed: PassedNodes) throws(DeviceTreeError) -> String? {
        if let found = passed.folder(of: phandle) { return found }
        return try folder(of: phandle)
    }

    /// The number of cells after each phandle of a value, if only a range is known.
    private func known(
        _ arguments: ReferenceRule.Arguments, _ value: PropertyValue, _ passed: PassedNodes
    ) throws(DeviceTreeError) -> Result<ReferenceRule.Arguments, ReferenceProblem> {
        guard case .between(let counts) = arguments else { return .success(arguments) }
        guard let cells = value.cells, !cells.isEmpty else { return .failure(.truncated) }
        guard cells.count <= 256 else { return .failure(.tooManyEntries) }
        var folders: [String?] = []
        for cell in cells {
            let phandle = Phandle(rawValue: cell)
            if let phandle { folders.append(try folder(of: phandle, passed)) } else { folders.append(nil) }
        }
        var fitting: [Int] = []
        for count in counts where count < cells.count && fits(count, cells, folders) { fitting.append(count) }
        guard let first = fitting.first else { return .failure(.noSuchNode(cells[0])) }
        if fitting.count == 1 { return .success(.fixed(first)) }
        // Small numbers are often phandles by chance. But if all of several numbers are phandles of neighbours, that
        // isn't chance.
        let parents = folders.compactMap { $0.flatMap { parent(of: $0) } }
        let areNeighbours = parents.count == cells.count && parents.allSatisfy { $0 == parents[0] }
        return first == 0 && areNeighbours ? .success(.fixed(0)) : .failure(.ambiguous)
    }

    /// Whether the cells can be entries with a phandle and `count` numbers each.
    private func fits(_ count: Int, _ cells: [UInt32], _ folders: [String?]) -> Bool {
        var index = 0
        while index < cells.count {
            if cells[index] == 0 {
                index += 1
            } else {
                guard folders[index] != nil else { return false }
                index += 1 + count
            }
        }
        return index == cells.count
    }

    private func count(
        _ arguments: ReferenceRule.Arguments, of provider: String, remaining: Int
    ) throws(DeviceTreeError) -> Result<Int, ReferenceProblem> {
        switch arguments {
        case .fixed(let count): return .success(count)
        case .rest, .between: return .success(remaining)
        case .counted(let property, let otherwise):
            guard let value = try self.property(property, of: provider) else {
                return otherwise.map { .success($0) }
                    ?? .failure(.noCellCount(provider: path(provider), property: property))
            }
            guard let count = value.cell else {
                return .failure(.noCellCount(provider: path(provider), property: property))
            }
            // Linux accepts no more (include/linux/of.h, MAX_PHANDLE_ARGS).
            guard count <= 16 else { return .failure(.tooManyCells(provider: path(provider), property: property)) }
            return .success(Int(count))
        }
    }
}
