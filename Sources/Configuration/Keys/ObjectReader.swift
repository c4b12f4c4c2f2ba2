// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// Reads the keys of one JSON object and notes their problems; it never fails.
///
/// Every read returns a value: the key's, or its fallback if it is absent or wrong. If any problem was noted in
/// `problems`, all values are discarded, so the fallback of a wrong value is never used.
///
/// A key whose value is `null`, `[]`, `{}` or `false` counts as absent, because the files of Firecracker's users have
/// such keys; `false` is a value for a key that takes true or false, and `{}` for a key that asks for a device. Names
/// that the user chooses (`map`) and elements of arrays are not keys.
///
/// The keys that are read are the known keys: the object's table is created only for messages.
///
/// Only the thread that decodes uses it.
final class ObjectReader {
    /// The object's place in the configuration; empty for the root.
    let path: String
    private let offset: Int
    /// In the order of the text.
    private let members: [JSONMember]
    /// The members that were read, one bit for each of the first 64.
    private var wasRead: UInt64 = 0
    private let problems: ProblemList

    /// A reader of `node`; nil, with a noted problem, if it isn't an object.
    init?(_ node: JSONNode, path: String, problems: ProblemList) {
        guard case .object(let members) = node.value else {
            problems.add(path: path, offset: node.offset, found: node.value.shown, allowed: "an object")
            return nil
        }
        self.path = path
        self.offset = node.offset
        self.problems = problems
        self.members = members
    }

    /// Notes unknown and repeated keys. Call it after all keys have been read.
    func noteOthers(than section: @autoclosure () -> Section) {
        if wasRead.nonzeroBitCount == members.count { return }
        let section = section()
        for (index, member) in members.enumerated() {
            if !section.keys.contains(where: { $0.name == member.key }) {
                if let key = section.lacking.first(where: { $0.name == member.key }) {
                    noteFirecracker(member, key)
                } else {
                    noteUnknown(member, keys: section.keys)
                }
            } else if members[..<index].contains(where: { $0.key == member.key }) {
                problems.add(
                    path: pathOf(member.key), offset: member.keyOffset, found: "the key a second time",
                    allowed: "each key once")
            }
        }
    }

    /// The value of `key`, or its fallback.
    func value<Value>(_ key: Key<Value>) -> Value {
        guard let node = node(of: key.description) else { return key.fallback }
        guard let value = key.read(node.value, key.description.shape) else {
            note(key.name, node, allowed: key.description.shape.allowed)
            return key.fallback
        }
        return value
    }

    /// A reader of the object that is the value of `key`; nil when it is absent or wrong.
    func object(_ key: KeyDescription) -> ObjectReader? {
        guard let node = node(of: key) else { return nil }
        return ObjectReader(node, path: pathOf(key.name), problems: problems)
    }

    /// Readers of the objects in the array that is the value of `key`; none when it is absent.
    func objects(_ key: KeyDescription) -> [ObjectReader] {
        guard let node = node(of: key) else { return [] }
        guard case .array(let elements) = node.value else {
            note(key.name, node, allowed: key.shape.allowed)
            return []
        }
        return elements.enumerated().compactMap { index, element in
            ObjectReader(element, path: "\(pathOf(key.name))[\(index)]", problems: problems)
        }
    }

    /// The value of a key that takes a word or objects.
    enum WordOrObjects {
        case word(String)
        /// Readers of the objects.
        case objects([ObjectReader])
    }

    /// The value of `key`: the word, or readers of the objects in the array; nil when it is absent or wrong.
    func wordOrObjects(_ key: KeyDescription) -> WordOrObjects? {
        guard let node = node(of: key), case .choiceOrObjects(let words, _, let limit, _) = key.shape else {
            return nil
        }
        switch node.value {
        case .string(let text) where words().contains(text): return .word(text)
        case .array(let elements) where elements.count <= limit: return .objects(objects(key))
        default:
            note(key.name, node, allowed: key.shape.allowed)
            return nil
        }
    }

    /// The names and values of the object that is the value of `key`, in the text's order; none when it is absent.
    func map<Value>(_ key: MapKey<Value>) -> [(name: String, value: Value)] {
        guard let node = node(of: key.description) else { return [] }
        guard case .object(let members) = node.value else {
            note(key.name, node, allowed: key.description.shape.allowed)
            return []
        }
        let place = pathOf(key.name)
        var names: Set<String> = []
        var entries: [(name: String, value: Value)] = []
        for member in members {
            let path = Self.path(of: member.key, in: place)
            if !names.insert(member.key).inserted {
                problems.add(
                    path: path, offset: member.keyOffset, found: "the key a second time", allowed: "each key once")
            } else if !key.names.accepts(member.key) {
                problems.add(
                    path: path, offset: member.keyOffset, found: "the name \"\(abridged(member.key))\"",
                    allowed: key.names.allowed)
            } else if let value = key.read(member.node.value) {
                entries.append((member.key, value))
            } else {
                problems.add(
                    path: path, offset: member.node.offset, found: member.node.value.shown,
                    allowed: key.values().allowed)
            }
        }
        return entries
    }

    /// The elements of the array that is the value of `key`; none when it is absent.
    func list(_ key: ListKey) -> [String] {
        guard let node = node(of: key.description) else { return [] }
        guard case .array(let elements) = node.value else {
            note(key.name, node, allowed: key.description.shape.allowed)
            return []
        }
        return elements.enumerated().compactMap { index, element in
            if let value = key.read(element.value) { return value }
            problems.add(
                path: "\(pathOf(key.name))[\(index)]", offset: element.offset, found: element.value.shown,
                allowed: key.rule.allowed)
            return nil
        }
    }

    /// Whether the text has `key` with a value that doesn't count as absent.
    func has(_ key: KeyDescription) -> Bool {
        members.contains { $0.key == key.name && !Self.isAbsent($0.node.value, key.shape) }
    }

    /// Notes a problem of the whole object.
    func note(found: String, allowed: String) {
        problems.add(path: path, offset: offset, found: found, allowed: allowed)
    }

    /// Notes a problem of a key whose value alone is right.
    func note(_ name: String, found: String, allowed: String) {
        let offset = members.first { $0.key == name }?.node.offset ?? offset
        problems.add(path: pathOf(name), offset: offset, found: found, allowed: allowed)
    }

    // MARK: Parts

    /// The value of `key` in the text. Notes a required key that is missing.
    private func node(of key: KeyDescription) -> JSONNode? {
        if let index = members.firstIndex(where: { $0.key == key.name }) {
            let node = members[index].node
            // A shift by 64 or more gives 0.
            wasRead |= 1 << UInt64(index)
            // An empty value of a required key is wrong.
            return key.isRequired || !Self.isAbsent(node.value, key.shape) ? node : nil
        }
        if key.isRequired {
            problems.add(
                path: pathOf(key.name), offset: offset, found: "nothing",
                allowed: "\(key.shape.allowed) (this key is required)")
        }
        return nil
    }

    private static func isAbsent(_ value: JSONValue, _ shape: KeyShape) -> Bool {
        if case .boolean = value, case .boolean = shape { return false }
        if case .object = value, case .device = shape { return false }
        return value.isEmpty
    }

    private func note(_ name: String, _ node: JSONNode, allowed: String) {
        problems.add(path: pathOf(name), offset: node.offset, found: node.value.shown, allowed: allowed)
    }

    private func noteUnknown(_ member: JSONMember, keys: [KeyDescription]) {
        let names = keys.map(\.name)
        problems.add(
            path: pathOf(member.key), offset: member.keyOffset, found: "an unknown key",
            allowed: names.joined(separator: ", "), suggestion: NearestKey.of(member.key, among: names),
            isList: true)
    }

    private func noteFirecracker(_ member: JSONMember, _ key: FirecrackerKey) {
        if !key.isValue(member.node.value) { return }
        problems.add(
            path: pathOf(member.key), offset: member.keyOffset,
            found: "a key of Firecracker that Martlet doesn't support",
            allowed: "nothing; remove it: \(key.remedy)")
    }

    /// The path of a key; one that isn't a plain word is quoted: `machine-config["a b"]`.
    private func pathOf(_ key: String) -> String { Self.path(of: key, in: path) }

    private static func path(of key: String, in path: String) -> String {
        guard (1...60).contains(key.utf8.count), key.utf8.allSatisfy(isPlain) else {
            return "\(path)[\"\(abridged(key))\"]"
        }
        return path.isEmpty ? key : "\(path).\(key)"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "$"):
            true
        default: false
        }
    }
}
