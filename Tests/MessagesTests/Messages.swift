// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Texts for users, each under the name of what becomes it: "VFIOError.alreadyOpen". `messages.txt` has them all.
struct Messages {
    private var texts: [(name: String, text: String)] = []

    /// Whether there is a text under this name.
    func has(_ name: String) -> Bool { texts.contains { $0.name == name } }

    /// Errors and other values of an enum, each under its case.
    mutating func add<Value>(_ values: Value..., text: (Value) -> String = { "\($0)" }) {
        let type = Self.name(of: Value.self)
        for value in values {
            let name = enumCaseName(value).map { String(cString: $0) }
            texts.append((name.map { "\(type).\($0)" } ?? type, text(value)))
        }
    }

    /// A text that is made by `type`.
    mutating func add(_ type: Any.Type, _ text: String) {
        texts.append((Self.name(of: type), text))
    }

    /// A text under a heading of its own.
    mutating func add(_ heading: String, _ text: String) { texts.append((heading, text)) }

    /// Without the module: "LoadStore.NotEmulated".
    private static func name(of type: Any.Type) -> String {
        String(reflecting: type).split(separator: ".").dropFirst().joined(separator: ".")
    }

    /// The golden file.
    var file: String {
        var result = Self.head
        var last = ""
        for (name, text) in texts.sorted(by: { $0.name < $1.name }) {
            if name != last { result += "\n## \(name)\n" }
            result += "\n\(text)\n"
            last = name
        }
        return result
    }

    private static let head = """
        # Every text that Martlet shows to its users, made by "make generate" from the samples in this folder. A unit test
        # fails when it is stale, or when the sources have a case or a type without a sample.

        """
}

/// The name of an enum's case; nil for other values.
@_silgen_name("swift_EnumCaseName")
private func enumCaseName<Value>(_ value: Value) -> UnsafePointer<CChar>?
