// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import KernelFakes
import LinuxSystem
import Testing

@testable import Virtio

/// Which files are drives, and what becomes of the others.
@Suite struct DriveFileTests {
    private static let key = "drives[0].path_on_host"
    private let kernel = FakeKernel()

    init() {
        kernel.withState { state in
            state.files["/disk"] = [UInt8](repeating: 1, count: 1024)
            state.devices = ["/dev/sda"]
        }
    }

    private func open(_ path: String = "/disk", isReadOnly: Bool = false) throws(DriveError) -> DriveFile {
        try DriveFile(path, key: Self.key, isReadOnly: isReadOnly, system: kernel)
    }

    private func error(_ path: String = "/disk", isReadOnly: Bool = false) -> DriveError? {
        do throws(DriveError) {
            try open(path, isReadOnly: isReadOnly).close()
            return nil
        } catch { return error }
    }

    @Test func `a file has as many sectors as it has bytes for`() throws {
        let file = try open()
        #expect(file.geometry.sectorCount == 2 && file.geometry.blockSize == 512)
        file.close()
        file.close()
        #expect(kernel.held == [])
    }

    @Test func `a block device says itself what its blocks are`() throws {
        kernel.withState {
            $0.blockDevices["/dev/sda"] = BlockGeometry(
                size: 1 << 20, logicalBlockSize: 4096, physicalBlockSize: 8192, isReadOnly: false)
        }
        let file = try open("/dev/sda")
        #expect(
            file.geometry
                == {
                    var geometry = DriveGeometry(sectorCount: 2048)
                    geometry.blockSize = 4096
                    geometry.physicalBlockSize = 8192
                    return geometry
                }())
        try file.discard(.init(offset: 4096, count: 8192, mayUnmap: true))
        try file.writeZeroes(.init(offset: 0, count: 4096, mayUnmap: false))
        #expect(kernel.journal.suffix(2) == [.call("ioctl(BLKDISCARD) 4096 8192"), .call("ioctl(BLKZEROOUT) 0 4096")])
        file.close()
    }

    @Test func `what is no drive is told, and nothing stays open`() {
        kernel.withState { state in
            state.files["/odd"] = [UInt8](repeating: 1, count: 1000)
            state.files["/empty"] = []
            state.files["/ro"] = [UInt8](repeating: 1, count: 512)
            state.readOnlyFiles = ["/ro"]
            state.devices.insert("/dev/null")
            state.blockDevices["/dev/sda"] = BlockGeometry(
                size: 512, logicalBlockSize: 512, physicalBlockSize: 512, isReadOnly: true)
        }
        #expect(error("/odd") == .size(1000, key: Self.key, path: "/odd"))
        #expect(error("/empty") == .size(0, key: Self.key, path: "/empty"))
        #expect(error("/none") == .call("open", key: Self.key, path: "/none", errno: .noSuchFileOrDirectory))
        #expect(error("/ro") == .readOnly(key: Self.key, path: "/ro", errno: .permissionDenied))
        #expect(error("/ro", isReadOnly: true) == nil)
        #expect(error("/dev/null") == .kind(.characterDevice, key: Self.key, path: "/dev/null"))
        #expect(error("/dev/sda") == .readOnly(key: Self.key, path: "/dev/sda", errno: .readOnlyFileSystem))
        #expect(error("/dev/sda", isReadOnly: true) == nil)
        #expect(kernel.held == [])
    }

    @Test func `each call that fails is named, and nothing stays open`() {
        for number in 1...3 {
            kernel.withState { state in
                state.callCount = 0
                state.failingCall = number
            }
            #expect(error() != nil, "call \(number)")
            #expect(kernel.held == [])
        }
    }

    @Test func `a file is one drive's, unless all that use it only read`() throws {
        let first = try open()
        #expect(error() == .locked(key: Self.key, path: "/disk", isReadOnly: false))
        #expect(error(isReadOnly: true) == .locked(key: Self.key, path: "/disk", isReadOnly: true))
        first.close()
        let reader = try open(isReadOnly: true)
        #expect(error(isReadOnly: true) == nil)
        #expect(error() == .locked(key: Self.key, path: "/disk", isReadOnly: false))
        reader.close()
        kernel.withState { $0.lockedFiles = ["/disk"] }
        #expect(error() == .locked(key: Self.key, path: "/disk", isReadOnly: false))
        #expect(kernel.held == [])
    }

    // MARK: The real kernel

    @Test func `the real kernel keeps a second opening out`() throws {
        let drive = try temporaryDrive(sectors: 2)
        #expect(throws: DriveError.locked(key: Self.key, path: drive.path, isReadOnly: false)) {
            try DriveFile(drive.path, key: Self.key, isReadOnly: false, system: LinuxKernel())
        }
        #expect(throws: DriveError.locked(key: Self.key, path: drive.path, isReadOnly: true)) {
            try DriveFile(drive.path, key: Self.key, isReadOnly: true, system: LinuxKernel())
        }
        drive.file.close()
        try DriveFile(drive.path, key: Self.key, isReadOnly: false, system: LinuxKernel()).close()
    }

    @Test func `the real kernel's directories, devices and FIFOs are no drives`() throws {
        let fifo = temporaryPath()
        #expect(mkfifo(fifo, 0o600) == 0)
        defer { unlink(fifo) }
        for (path, kind): (String, FileKind) in [
            (NSTemporaryDirectory(), .directory), ("/dev/null", .characterDevice), (fifo, .fifo),
        ] {
            for isReadOnly in [false, true] {
                #expect(throws: DriveError.kind(kind, key: Self.key, path: path)) {
                    try DriveFile(path, key: Self.key, isReadOnly: isReadOnly, system: LinuxKernel())
                }
            }
        }
    }

    @Test func `a short read goes on, and the end of the file is an error`() throws {
        let drive = try temporaryDrive(sectors: 4)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2048, alignment: 16)
        defer { buffer.deallocate() }
        let base = UInt(bitPattern: buffer.baseAddress)
        var segments = [
            MemorySegment(address: base, count: 700), MemorySegment(address: base + 700, count: 1348),
        ]
        func read(at offset: UInt64) -> Errno? {
            var copy = segments
            var failure: Errno?
            copy.withUnsafeMutableBufferPointer { segments in
                do throws(Errno) { try drive.file.read(into: segments, at: offset) } catch { failure = error }
            }
            return failure
        }
        #expect(read(at: 0) == nil)
        #expect(Array(buffer) == drive.content)
        // 512 bytes are there.
        #expect(read(at: 1536) == .ioError)
        segments[1].address = 8
        #expect(read(at: 0) != nil, "EFAULT after what could be read")
    }

    @Test(arguments: [true, false])
    func `zeroes are written where the file system has no ranges of them`(mayUnmap: Bool) throws {
        kernel.withState { state in
            state.files["/disk"] = [UInt8](repeating: 7, count: 300 * 512)
            state.beforeCall = { $0.hasPrefix("fallocate") ? .notSupported : nil }
        }
        let file = try open()
        try file.discard(.init(offset: 0, count: 512, mayUnmap: true))
        try file.writeZeroes(.init(offset: 512, count: 298 * 512, mayUnmap: mayUnmap))
        let content = kernel.withState { $0.files["/disk"] ?? [] }
        #expect(content.count == 300 * 512)
        #expect(content[512..<(299 * 512)].allSatisfy { $0 == 0 })
        #expect(content[0] == 7 && content[299 * 512] == 7)
        file.close()
    }
}
