// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceTree

/// An entry of a property that refers to other nodes.
struct NodeReference: Equatable {
    let phandle: Phandle
    /// The folder of the node that it leads to.
    let provider: String
    let arguments: [UInt32]
}

/// Why a property can't be taken apart into its entries.
enum ReferenceFlaw: Error, Equatable, Sendable, CustomStringConvertible {
    case noSuchNode(UInt32)
    case noCellCount(provider: String, property: String)
    case tooManyCells(provider: String, property: String)
    case truncated
    case tooManyEntries

    var description: String {
        switch self {
        case .noSuchNode(let phandle): "no node of the host has its phandle 0x\(String(phandle, radix: 16))"
        case .noCellCount(let provider, let property): "\(provider) has no \(property) of one cell"
        case .tooManyCells(let provider, let property): "\(property) of \(provider) is over 16"
        case .truncated: "its value ends in the middle of an entry"
        case .tooManyEntries: "it has over 256 entries"
        }
    }
}

/// What an entry became in the guest.
enum ReferenceOutcome: Equatable, Sendable, CustomStringConvertible {
    /// It was empty on the host too.
    case empty
    /// Points to the guest's copy of this node of the host.
    case passed(String)
    case clock(hertz: UInt32, ClockRate.Origin, provider: String)
    case regulator(microvolts: UInt32, provider: String)
    case unknownRate(provider: String, ClockRate.Problem)
    case unknownVoltage(provider: String)
    case notPassed(String)

    /// Whether the guest gets it.
    var isCarried: Bool {
        switch self {
        case .empty, .passed, .clock, .regulator: true
        case .unknownRate, .unknownVoltage, .notPassed: false
        }
    }

    var description: String {
        switch self {
        case .empty: "an empty entry"
        case .passed(let path): "the guest's \(path)"
        case .clock(let hertz, let origin, let provider): "\(provider): a fixed clock of \(hertz) Hz (\(origin))"
        case .regulator(let microvolts, let provider): "\(provider): a fixed regulator of \(microvolts) µV"
        case .unknownRate(let provider, let problem): "\(provider): \(problem)"
        case .unknownVoltage(let provider): "\(provider): its voltage is not fixed"
        case .notPassed(let provider): "\(provider) is not passed through"
        }
    }
}

/// What a device needs of another node of the host, and what that needs in turn.
public struct NodeDependency: Equatable, Sendable {
    /// The property that says so, of the device or of the provider above: "clocks".
    public let property: String
    /// What the entry is called there (`clock-names`), if anything.
    public let name: String?
    /// The node that is referred to, as its path in the host's tree.
    public let provider: String
    /// The cells that follow the phandle.
    public let arguments: [UInt32]
    /// What the guest gets in its place; empty for what only the host needs.
    public let outcome: String
    /// What the provider needs itself.
    public let dependencies: [NodeDependency]
}

extension HostTree {
    /// Takes the value of a reference apart; nil stands for an empty entry.
    func references(
        _ value: PropertyValue, _ rule: ReferenceRule, _ passed: PassedNodes
    ) throws(DeviceTreeError) -> Result<[NodeReference?], ReferenceFlaw> {
        var references: [NodeReference?] = []
        var reader = value.reader
        while reader.remainingByteCount > 0 {
            guard references.count < 256 else { return .failure(.tooManyEntries) }
            guard let cell = reader.cell() else { return .failure(.truncated) }
            guard cell != 0 else {
                references.append(nil)
                continue
            }
            guard let phandle = Phandle(rawValue: cell) else { return .failure(.noSuchNode(cell)) }
            var found = passed.folder(of: phandle)
            if found == nil { found = try folder(of: phandle) }
            guard let found else { return .failure(.noSuchNode(cell)) }
            var arguments: [UInt32] = []
            switch try count(rule.arguments, of: found, remaining: reader.remainingByteCount / 4) {
            case .success(let count):
                for _ in 0..<count {
                    guard let cell = reader.cell() else { return .failure(.truncated) }
                    arguments.append(cell)
                }
            case .failure(let flaw): return .failure(flaw)
            }
            references.append(NodeReference(phandle: phandle, provider: found, arguments: arguments))
        }
        return references.isEmpty ? .failure(.truncated) : .success(references)
    }

    private func count(
        _ arguments: ReferenceRule.Arguments, of provider: String, remaining: Int
    ) throws(DeviceTreeError) -> Result<Int, ReferenceFlaw> {
        switch arguments {
        case .fixed(let count): return .success(count)
        case .rest: return .success(remaining)
        case .counted(let property, let otherwise):
            guard let value = try self.property(property, of: provider) else {
                return otherwise.map { .success($0) }
                    ?? .failure(.noCellCount(provider: path(provider), property: property))
            }
            guard let count = value.cell else {
                return .failure(.noCellCount(provider: path(provider), property: property))
            }
            // Linux takes no more (include/linux/of.h, MAX_PHANDLE_ARGS).
            guard count <= 16 else { return .failure(.tooManyCells(provider: path(provider), property: property)) }
            return .success(Int(count))
        }
    }
}
