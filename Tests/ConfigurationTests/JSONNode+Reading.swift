// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

@testable import Configuration

/// What a schema says, or an error that names what was wanted there.
extension JSONNode {
    struct Unexpected: Error {
        let wanted: String
        let node: JSONNode
    }

    func members() throws -> [(String, JSONNode)] {
        guard case .object(let members) = value else { throw Unexpected(wanted: "object", node: self) }
        return members.map { ($0.key, $0.node) }
    }

    func member(_ key: String) throws -> JSONNode? { try members().first { $0.0 == key }?.1 }

    func elements() throws -> [JSONNode] {
        guard case .array(let elements) = value else { throw Unexpected(wanted: "array", node: self) }
        return elements
    }

    func string() throws -> String {
        guard case .string(let text) = value else { throw Unexpected(wanted: "string", node: self) }
        return text
    }
}
