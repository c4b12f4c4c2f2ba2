// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// CPUs of the host in the order in which vCPUs get them, each once.
///
/// - SeeAlso: cpuset(7), List format; Linux, Documentation/admin-guide/kernel-parameters.rst, cpu lists
public struct CPUList: Equatable, Sendable {
    /// Their numbers; never empty.
    public let numbers: [Int]

    /// The highest possible number: no architecture's Linux supports more than 8192 CPUs (NR_CPUS).
    package static let lastNumber = 8191

    /// - Returns: nil if the list is empty, a number occurs twice, or a number is impossible.
    public init?(_ numbers: [Int]) {
        guard !numbers.isEmpty, Set(numbers).count == numbers.count,
            numbers.allSatisfy({ (0...Self.lastNumber).contains($0) })
        else { return nil }
        self.numbers = numbers
    }

    /// Reads a list in the format of taskset and cpusets: "4-7", "0,2-3".
    public init?(_ text: String) {
        var numbers: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(Self.number)
            guard let first = ends.first.flatMap({ $0 }), let last = ends.last.flatMap({ $0 }), first <= last else {
                return nil
            }
            numbers += first...last
            // A list that repeats the same ranges must not fill memory.
            guard numbers.count <= Self.lastNumber + 1 else { return nil }
        }
        self.init(numbers)
    }

    init?(json: JSONValue) {
        switch json {
        case .string(let text): self.init(text)
        case .array(let elements):
            var numbers: [Int] = []
            for element in elements {
                guard case .number(let text) = element.value, let number = Self.number(Substring(text)) else {
                    return nil
                }
                numbers.append(number)
            }
            self.init(numbers)
        default: return nil
        }
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...4).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text.utf8.count == 1 || text.utf8.first != 0x30, let number = Int(text), number <= lastNumber
        else { return nil }
        return number
    }
}

extension CPUList: CustomStringConvertible {
    /// The list as text, in its order, with a range for each run of numbers: "0,2-3".
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }
}

extension Key<CPUList?> {
    static func cpuList(
        _ name: String, _ documentation: @autoclosure @escaping @Sendable () -> Documentation
    ) -> Key {
        Key(description: KeyDescription(name, .cpuList, by: documentation), fallback: nil) { json, _ in
            guard let list = CPUList(json: json) else { return nil }
            return list
        }
    }
}
