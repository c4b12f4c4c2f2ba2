// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import CFDT

extension Tree {
    /// Reads a flattened devicetree blob of version 17.
    ///
    /// It may come from anywhere: nothing in it is trusted.
    ///
    /// - Parameters:
    ///   - blob: The blob; bytes behind the end that its header declares are ignored.
    ///   - limits: The largest size and depth of the tree.
    /// - Throws: `DeviceTreeError.malformedBlob`, or the error that `serialized` would throw for such a tree.
    /// - SeeAlso: Devicetree Specification v0.4, chapter 5
    public init(parsing blob: [UInt8], limits: Limits = Limits()) throws(DeviceTreeError) {
        let result: Result<Tree, DeviceTreeError> = blob.withUnsafeBytes { buffer in
            Result { () throws(DeviceTreeError) in
                guard let start = buffer.baseAddress, buffer.count >= FDTHeader.byteCount else {
                    throw .malformedBlob(.truncated(count: buffer.count, needed: FDTHeader.byteCount), offset: 0)
                }
                return try Tree(start, byteCount: buffer.count, limits: limits)
            }
        }
        self = try result.get()
    }

    /// - Parameter blob: The address of at least as many bytes as a header has.
    private init(_ blob: UnsafeRawPointer, byteCount: Int, limits: Limits) throws(DeviceTreeError) {
        // Safety: the header is there; libfdt reads beyond it only up to the total size, after checking that.
        let code = fdt_check_header(blob)
        guard code == 0 else { throw .malformedBlob(.library(code: code), offset: 0) }
        let totalSize = Int(FDTHeader.totalSize(blob))
        guard totalSize <= byteCount else {
            throw .malformedBlob(.truncated(count: byteCount, needed: totalSize), offset: 4)
        }
        guard totalSize <= limits.byteCount else {
            throw .limitExceeded(.byteCount, limit: limits.byteCount, place: "/")
        }
        // Before version 17 the header doesn't have the structure block's length.
        let version = FDTHeader.version(blob)
        guard version >= 17 else { throw .malformedBlob(.unsupportedVersion(version), offset: 20) }

        var walk = BlobWalk(blob, limits: limits)
        let root = try walk.readTree()
        // libfdt's own check comes last: up to 1.6.1 its fdt_check_full never ends if a property's length wraps around
        // to the property's own start, which the walk has excluded by then.
        let verdict = fdt_check_full(blob, byteCount)
        guard verdict == 0 else { throw .malformedBlob(.library(code: verdict), offset: 0) }
        self.init(root: root, reservations: try Self.readReservations(blob))
    }

    private static func readReservations(_ blob: UnsafeRawPointer) throws(DeviceTreeError) -> [MemoryReservation] {
        let count = fdt_num_mem_rsv(blob)
        guard count >= 0 else { throw .malformedBlob(.library(code: count), offset: 16) }
        var reservations: [MemoryReservation] = []
        for index in 0..<count {
            var address: UInt64 = 0
            var size: UInt64 = 0
            let code = fdt_get_mem_rsv(blob, index, &address, &size)
            guard code == 0 else { throw .malformedBlob(.library(code: code), offset: 16) }
            reservations.append(MemoryReservation(address: address, size: size))
        }
        return reservations
    }
}

/// Reads a blob's structure block once, and builds the tree.
///
/// libfdt keeps its reads inside the blob, but not every release checks lengths, so they are checked here. The walk
/// ends because each token lies behind the previous one.
private struct BlobWalk {
    private let blob: UnsafeRawPointer
    private let limits: Tree.Limits
    private let structureOffset: Int
    private var offset: CInt = 0
    private var nodeCount = 0
    /// The nodes from the root to the current one: those that were begun and not ended.
    private var open: [Node] = []

    /// - Parameter blob: A blob of full length, whose header libfdt has checked.
    init(_ blob: UnsafeRawPointer, limits: Tree.Limits) {
        self.blob = blob
        self.limits = limits
        structureOffset = Int(FDTHeader.structureOffset(blob))
    }

    /// The root node, with all nodes below it.
    mutating func readTree() throws(DeviceTreeError) -> Node {
        var root: Node?
        while true {
            var next: CInt = 0
            let tag = fdt_next_tag(blob, offset, &next)
            guard next >= 0 else { throw malformed(.library(code: next)) }
            guard next > offset else { throw malformed(.badLength) }
            switch Int32(bitPattern: tag) {
            case FDT_BEGIN_NODE:
                guard root == nil else { throw malformed(.misplacedToken) }
                try beginNode()
            case FDT_PROP:
                try readProperty(end: next)
            case FDT_END_NODE:
                root = try endNode()
            case FDT_NOP:
                break
            default:
                guard tag == UInt32(FDT_END), let root else { throw malformed(.misplacedToken) }
                return root
            }
            offset = next
        }
    }

    private mutating func beginNode() throws(DeviceTreeError) {
        var length: CInt = 0
        guard let start = fdt_get_name(blob, offset, &length), length >= 0 else {
            throw malformed(.library(code: length))
        }
        // Safety: libfdt has found the name's NUL inside the blob, `length` bytes from its start.
        let name = String(decoding: UnsafeRawBufferPointer(start: start, count: Int(length)), as: UTF8.self)
        if open.isEmpty {
            guard name.isEmpty else { throw malformed(.misplacedToken) }
        } else if let problem = NameProblem.ofNode(name, limits: limits) {
            throw .invalidNodeName(name, parent: path, problem)
        }
        nodeCount += 1
        guard nodeCount <= limits.nodeCount else {
            throw .limitExceeded(.nodeCount, limit: limits.nodeCount, place: path)
        }
        guard open.count < limits.depth else {
            throw .limitExceeded(.depth, limit: limits.depth, place: path)
        }
        open.append(Node(name))
    }

    private mutating func readProperty(end: CInt) throws(DeviceTreeError) {
        // Properties come before child nodes: Devicetree Specification v0.4, 5.4.2.
        guard let last = open.indices.last, open[last].children.isEmpty else { throw malformed(.misplacedToken) }
        var nameStart: UnsafePointer<CChar>?
        var length: CInt = 0
        let value = fdt_getprop_by_offset(blob, offset, &nameStart, &length)
        guard let value, let nameStart else { throw malformed(.library(code: length)) }
        // FDT_PROP, the length and the name's offset take 12 bytes.
        guard length >= 0, Int(length) <= Int(end) - Int(offset) - 12 else { throw malformed(.badLength) }
        // Safety: libfdt has found the name's NUL inside the strings block.
        let name = String(cString: nameStart)
        if let problem = NameProblem.ofProperty(name, limits: limits) {
            throw .invalidPropertyName(name, node: path, problem)
        }
        // Safety: `length` bytes lie before the next token, which libfdt has found inside the blob.
        let bytes = [UInt8](UnsafeRawBufferPointer(start: value, count: Int(length)))
        open[last].properties.append(Property(name, .bytes(bytes)))
    }

    /// Ends the current node; returns it if it is the root.
    private mutating func endNode() throws(DeviceTreeError) -> Node? {
        guard let node = open.last else { throw malformed(.misplacedToken) }
        if let name = firstDuplicate(node.properties, by: { $0.name }) { throw .duplicateProperty(name, node: path) }
        if let name = firstDuplicate(node.children, by: { $0.name }) {
            throw .duplicateNode(path: TreeSurvey.path(open.map(\.name) + [name]))
        }
        open.removeLast()
        guard let parent = open.indices.last else { return node }
        open[parent].children.append(node)
        return nil
    }

    private var path: String { TreeSurvey.path(open.map(\.name)) }

    private func malformed(_ problem: DeviceTreeError.BlobProblem) -> DeviceTreeError {
        .malformedBlob(problem, offset: structureOffset + Int(offset))
    }
}
