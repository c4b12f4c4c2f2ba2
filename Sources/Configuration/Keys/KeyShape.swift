// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions

/// The allowed values of a key.
package enum KeyShape: Sendable {
    case boolean(default: Bool)
    case integer(ClosedRange<Int>, default: Int)
    case text(TextRule)
    /// One of several words. Without a default, leaving the key out means something that no word means.
    case choice(@Sendable () -> [String], default: @Sendable () -> String?)
    /// A multiple of a number, at least `minimum`, as a number or in hexadecimal.
    case address(multipleOf: UInt64, minimum: UInt64)
    /// The place of a device's regions.
    case placement
    /// The number of a file descriptor that the process is started with.
    case descriptor
    /// A number of 64 bits, as a number or in hexadecimal.
    case number64
    /// One of several whole numbers.
    case numberAmong(@Sendable () -> [Int], default: Int)
    /// CPUs of the host, as a list of ranges or an array of numbers.
    case cpuList
    /// A device-tree property's value.
    case property
    // Functions: the tables of an object that isn't in the text are never created.
    case object(@Sendable () -> Section)
    case objects(@Sendable () -> Section)
    /// An object that asks for a device even without a key: `{}` doesn't count as absent.
    case device(@Sendable () -> Section)
    /// One of several words, or an array of at most `limit` objects.
    case choiceOrObjects(@Sendable () -> [String], default: @Sendable () -> String, limit: Int, @Sendable () -> Section)
    /// An object whose keys the user chooses.
    case map(names: TextRule, @Sendable () -> KeyShape)
    case list(@Sendable () -> KeyShape)

    /// The highest number of a descriptor: fs/file.c, sysctl_nr_open, less one.
    package static let lastDescriptor = 1_048_575
    /// The lowest number of a descriptor; standard input, output and error are excluded.
    package static let firstDescriptor = 3

    /// The shape as text, for error messages and the reference.
    package var allowed: String {
        switch self {
        case .boolean: "true or false"
        case .integer(let range, _): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .text(let rule): rule.allowed
        case .choice(let words, _): words().map { "\"\($0)\"" }.joined(separator: ", ")
        case .address(let unit, let minimum):
            "a multiple of \(unit)\(minimum > 0 ? " from \(minimum) up," : "") below 2^52, "
                + "as a number or a string \"0x…\""
        case .placement:
            "a multiple of \(DevicePlacement.unit) below 2^52, as a number or a string \"0x…\", or \"host\"; "
                + "or an array of these and \"auto\", one for each region"
        case .property:
            "true, a string or an array of strings, numbers from 0 to \(UInt32.max) and {\"phandle\": \"label\"} alone "
                + "or in an array, {\"u64\": number or \"0x…\", or an array of these}, or {\"bytes\": \"00 1f …\"}"
        case .cpuList:
            "CPUs of the host, each once, as \"4-7\" or \"0,2-3\" or an array of numbers from 0 to "
                + "\(CPUList.lastNumber)"
        case .number64: "a whole number below 2^64, as a number or a string \"0x…\""
        case .numberAmong(let numbers, _): numbers().map { "\($0)" }.joined(separator: ", ")
        case .choiceOrObjects(let words, _, let limit, _):
            words().map { "\"\($0)\"" }.joined(separator: ", ") + ", or an array of at most \(limit) objects"
        case .descriptor:
            "the number of a descriptor that Martlet is started with, "
                + "from \(Self.firstDescriptor) to \(Self.lastDescriptor)"
        case .object, .device, .map: "an object"
        case .objects: "an array of objects"
        case .list(let elements): "an array, of each element: \(elements().allowed)"
        }
    }
}
