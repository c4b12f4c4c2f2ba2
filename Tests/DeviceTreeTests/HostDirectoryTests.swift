// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import LinuxSystem
import Testing

@testable import DeviceTree

/// Folders and files in memory; every other call fails.
private struct FakeFiles: FileCalls {
    var files: [String: [UInt8]] = [:]
    var directories: [String: [String]] = [:]
    var failures: [String: Errno] = [:]

    func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        if let failure = failures[path] { throw failure }
        guard let bytes = files[path] else { throw .noSuchFileOrDirectory }
        guard bytes.count <= limit else { throw .fileTooLarge }
        return bytes
    }

    func listDirectory(_ path: String) throws(Errno) -> [String] {
        if let failure = failures[path] { throw failure }
        guard let names = directories[path] else { throw .noSuchFileOrDirectory }
        return names.sorted()
    }

    func isDirectory(_ path: String) throws(Errno) -> Bool {
        if directories[path] != nil { return true }
        guard files[path] != nil || failures[path] != nil else { throw .noSuchFileOrDirectory }
        return false
    }

    func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt { throw .noFunction }
    func openWithoutWaiting(_ path: String) throws(Errno) -> CInt { throw .noFunction }
    func close(_ descriptor: CInt) {}
    func closeFile(_ descriptor: CInt) throws(Errno) { throw .noFunction }
    func duplicate(_ descriptor: CInt) throws(Errno) -> CInt { throw .noFunction }
    func readLink(_ path: String) throws(Errno) -> String { throw .noFunction }
    func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus { throw .noFunction }
    func fileKind(_ path: String) throws(Errno) -> FileKind { throw .noFunction }
    func read(_ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int) throws(Errno) -> Int {
        throw .noFunction
    }
    func write(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        throw .noFunction
    }
    func pread(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int { throw .noFunction }
    func pwrite(
        _ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int { throw .noFunction }
    func openKernelLog() throws(Errno) -> CInt { throw .noFunction }
    func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8] { throw .noFunction }
}

@Suite struct HostDirectoryTests {
    private var host = FakeFiles(
        files: [
            "/dt/rtc@9010000/compatible": Array("arm,pl031\0arm,primecell\0".utf8),
            "/dt/rtc@9010000/dma-coherent": [], "/dt/rtc@9010000/reg": [0, 0, 0, 1],
            "/dt/rtc@9010000/name": Array("rtc\0".utf8), "/dt/rtc@9010000/port/reg": [0, 0, 0, 2],
            "/dt/rtc@9010000/port/name": Array("port\0".utf8),
        ],
        directories: [
            "/dt": ["rtc@9010000"],
            "/dt/rtc@9010000": ["compatible", "dma-coherent", "reg", "name", "port"],
            "/dt/rtc@9010000/port": ["reg", "name"],
        ])

    private var expected: Node {
        Node(
            "rtc@9010000",
            ["compatible": .strings(["arm,pl031", "arm,primecell"]), "dma-coherent": .empty, "reg": .cell(1)],
            children: [Node("port", ["reg": .cell(2)])])
    }

    private func error(
        _ path: String, _ host: FakeFiles, named name: String? = nil, limits: Tree.Limits = .init()
    ) -> DeviceTreeError? {
        do {
            _ = try Node(directory: path, named: name, system: host, limits: limits)
            return nil
        } catch { return error }
    }

    @Test func `files are properties and folders are children`() throws {
        #expect(try Node(directory: "/dt/rtc@9010000", system: host) == expected)
        #expect(
            try Node(directory: "/dt/rtc@9010000/", system: FakeFiles(directories: ["/dt/rtc@9010000/": []])).name
                == "rtc@9010000")
    }

    @Test func `children can be left alone`() throws {
        let node = try Node(directory: "/dt/rtc@9010000", descending: false, system: host)
        #expect(node.properties == expected.properties)
        #expect(node.children.isEmpty)
    }

    @Test func `the root and links are given their names`() throws {
        #expect(try Node(directory: "/dt", named: "", system: host) == Node("", children: [expected]))
        #expect(try Node(directory: "/dt/rtc@9010000/port", named: "port@2", system: host).name == "port@2")
        #expect(error("/dt/rtc@9010000", host, named: "a/b") != nil)
    }

    @Test func `what can't be read is named with its errno`() {
        var host = host
        host.failures["/dt/rtc@9010000/reg"] = .permissionDenied
        #expect(error("/dt", host) == .unreadable(path: "/dt/rtc@9010000/reg", .permissionDenied))
        #expect(error("/dt", host)?.description.contains("/dt/rtc@9010000/reg: EACCES") == true)
        host.failures = ["/dt/rtc@9010000/port": .ioError]
        #expect(error("/dt", host) == .unreadable(path: "/dt/rtc@9010000/port", .ioError))
        host.directories["/dt/rtc@9010000"]?.append("gone")
        host.failures = [:]
        #expect(error("/dt", host) == .unreadable(path: "/dt/rtc@9010000/gone", .noSuchFileOrDirectory))
        #expect(error("/absent", host) == .unreadable(path: "/absent", .noSuchFileOrDirectory))
    }

    @Test func `names against the rules are errors`() {
        var host = host
        host.directories["/dt"] = ["bad name"]
        host.directories["/dt/bad name"] = []
        #expect(error("/dt", host) == .invalidNodeName("bad name", parent: "/dt", .character(0x20)))
        host.directories["/dt"] = ["a@b"]
        host.files["/dt/a@b"] = []
        #expect(error("/dt", host) == .invalidPropertyName("a@b", node: "/dt", .character(0x40)))
    }

    @Test func `depth, node count and bytes are limited`() {
        var limits = Tree.Limits()
        limits.depth = 2
        #expect(
            error("/dt", host, limits: limits)
                == .limitExceeded(.depth, limit: 2, place: "/dt/rtc@9010000/port"))
        limits = Tree.Limits()
        limits.nodeCount = 1
        #expect(
            error("/dt", host, limits: limits) == .limitExceeded(.nodeCount, limit: 1, place: "/dt/rtc@9010000"))
        limits = Tree.Limits()
        limits.byteCount = 28
        #expect(
            error("/dt", host, limits: limits)
                == .limitExceeded(.byteCount, limit: 28, place: "/dt/rtc@9010000/reg"))
    }

    @Test func `a folder of the real kernel is read`() throws {
        // Arrange
        let folder = NSTemporaryDirectory() + "/martlet-devicetree-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try FileManager.default.createDirectory(atPath: folder + "/rtc@1/port", withIntermediateDirectories: true)
        try Data([0, 0, 0, 1]).write(to: URL(fileURLWithPath: folder + "/rtc@1/reg"))
        try Data([0x72, 0]).write(to: URL(fileURLWithPath: folder + "/rtc@1/name"))
        try Data(count: 100_000).write(to: URL(fileURLWithPath: folder + "/rtc@1/port/big"))

        // Act
        let node = try Node(directory: folder + "/rtc@1", system: LinuxKernel())

        // Assert
        let port = Node("port", ["big": .bytes([UInt8](repeating: 0, count: 100_000))])
        #expect(node == Node("rtc@1", ["reg": .cell(1)], children: [port]))
    }
}
