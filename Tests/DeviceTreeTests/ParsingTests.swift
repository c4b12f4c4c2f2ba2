// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct ParsingTests {
    /// A blob whose structure block is what `write` makes.
    private func blob(_ write: (inout RawBlob) -> Void) -> [UInt8] {
        var blob = RawBlob()
        write(&blob)
        return blob.bytes
    }

    /// A blob with the root's properties and children that `write` makes.
    private func root(_ write: (inout RawBlob) -> Void) -> [UInt8] {
        blob {
            $0.begin("")
            write(&$0)
            $0.end()
            $0.finish()
        }
    }

    private func error(_ blob: [UInt8], limits: Tree.Limits = .init()) -> DeviceTreeError? {
        do {
            _ = try Tree(parsing: blob, limits: limits)
            return nil
        } catch { return error }
    }

    private func problem(_ blob: [UInt8]) -> DeviceTreeError.BlobProblem? {
        guard case .malformedBlob(let problem, _) = error(blob) else { return nil }
        return problem
    }

    @Test func `NOP tokens and bytes behind the blob are skipped`() throws {
        let bytes = blob {
            $0.nop()
            $0.begin("")
            $0.nop()
            $0.property("a", [1])
            $0.nop()
            $0.begin("b")
            $0.end()
            $0.nop()
            $0.end()
            $0.finish()
        }
        #expect(
            try Tree(parsing: bytes + [1, 2, 3])
                == Tree(root: Node("", ["a": .bytes([1])], children: [Node("b")])))
    }

    @Test func `each truncation is an error`() throws {
        let bytes = root { $0.property("a", [1, 2, 3, 4]) }
        #expect(error([]) == .malformedBlob(.truncated(count: 0, needed: 40), offset: 0))
        for count in 0..<bytes.count { #expect(error(Array(bytes.prefix(count))) != nil) }
        #expect(error(bytes) == nil)
    }

    @Test func `other magic numbers and versions are refused`() {
        var bytes = root { _ in }
        bytes[0] = 0
        guard case .library = problem(bytes) else {
            Issue.record("a wrong magic number was not refused by libfdt")
            return
        }
        var old = RawBlob()
        old.version = 16
        old.begin("")
        old.end()
        old.finish()
        #expect(error(old.bytes) == .malformedBlob(.unsupportedVersion(16), offset: 20))
    }

    /// With libfdt 1.6.1, `fdt_check_full` never returns for 0xFFFFFFF4, and takes 0xFFFFFFF8 for a length of −8.
    @Test(.timeLimit(.minutes(5)), arguments: [0xFFFF_FFF4, 0xFFFF_FFF8, 0xFFFF_FFF0, 0x7FFF_FFFF, 0x8000_0000, 64])
    func `a property's length that leads elsewhere is an error`(length: UInt32) {
        #expect(problem(root { $0.property("a", [0, 0, 0, 4], claimedLength: length) }) != nil)
    }

    @Test func `tokens out of place are errors`() {
        #expect(problem(blob { $0.finish() }) == .misplacedToken)
        #expect(problem(blob { $0.end() }) == .misplacedToken)
        #expect(problem(blob { $0.property("a") }) == .misplacedToken)
        #expect(problem(blob { $0.begin("soc") }) == .misplacedToken)
        #expect(problem(blob { _ in }) != nil)
        #expect(
            problem(
                blob {
                    $0.begin("")
                    $0.finish()
                }) == .misplacedToken)
        #expect(
            problem(
                blob {
                    $0.begin("")
                    $0.end()
                    $0.begin("")
                    $0.end()
                    $0.finish()
                }) == .misplacedToken)
        #expect(
            problem(
                blob {
                    $0.begin("")
                    $0.end()
                    $0.end()
                    $0.finish()
                }) == .misplacedToken)
        #expect(
            problem(
                blob {
                    $0.begin("")
                    $0.end()
                    $0.property("late")
                    $0.finish()
                }) == .misplacedToken)
        #expect(
            problem(
                blob {
                    $0.begin("")
                    $0.end()
                }) != nil)
        #expect(problem(root { $0.word(7) }) != nil)
    }

    @Test func `a property behind a child node is an error`() {
        #expect(
            problem(
                root {
                    $0.begin("a")
                    $0.end()
                    $0.property("late")
                }) == .misplacedToken)
    }

    @Test func `names against the rules are errors with their paths`() {
        let bytes = root {
            $0.begin("soc")
            $0.begin("a b")
            $0.end()
            $0.end()
        }
        #expect(error(bytes) == .invalidNodeName("a b", parent: "/soc", .character(0x20)))
        let nameless = root {
            $0.begin("")
            $0.end()
        }
        #expect(error(nameless) == .invalidNodeName("", parent: "/", .empty))
        #expect(error(root { $0.property("a\u{7}") }) == .invalidPropertyName("a\u{7}", node: "/", .character(7)))
    }

    @Test func `a property's name outside the strings block is an error`() {
        let bytes = root {
            $0.word(3)
            $0.word(0)
            $0.word(0x1000)
        }
        #expect(problem(bytes) != nil)
    }

    @Test func `duplicates are errors with their paths`() {
        let nodes = root {
            $0.begin("soc")
            $0.begin("a@1")
            $0.end()
            $0.begin("a@1")
            $0.end()
            $0.end()
        }
        #expect(error(nodes) == .duplicateNode(path: "/soc/a@1"))
        let properties = root {
            $0.property("a")
            $0.property("a")
        }
        #expect(error(properties) == .duplicateProperty("a", node: "/"))
    }

    @Test func `deep, numerous and big blobs are errors`() {
        let deep = blob { blob in
            blob.begin("")
            for _ in 0..<100_000 { blob.begin("n") }
            for _ in 0..<100_000 { blob.end() }
            blob.end()
            blob.finish()
        }
        #expect(
            error(deep)
                == .limitExceeded(
                    .depth, limit: 63, place: "/" + [String](repeating: "n", count: 62).joined(separator: "/")))

        let numerous = root { blob in
            for index in 0..<66_000 {
                blob.begin("n\(index)")
                blob.end()
            }
        }
        #expect(error(numerous) == .limitExceeded(.nodeCount, limit: 65536, place: "/"))

        let big = root { $0.property("a", [UInt8](repeating: 0, count: 2 << 20)) }
        #expect(error(big) == .limitExceeded(.byteCount, limit: 2 << 20, place: "/"))
    }

    @Test(.timeLimit(.minutes(5))) func `a node with very many properties takes no quadratic time`() throws {
        let bytes = root { blob in
            for index in 0..<50_000 { blob.property("p\(index)") }
        }
        #expect(try Tree(parsing: bytes).root.properties.count == 50_000)
    }

    @Test func `reservations are read up to their end`() throws {
        var raw = RawBlob()
        raw.reservations = [0x8000_0000, 0x1000, .max, .max, 0, 0]
        raw.begin("")
        raw.end()
        raw.finish()
        let tree = try Tree(parsing: raw.bytes)
        #expect(
            tree.reservations == [
                MemoryReservation(address: 0x8000_0000, size: 0x1000), MemoryReservation(address: .max, size: .max),
            ])
        #expect(try Tree(parsing: tree.serialized()) == tree)
    }
}
