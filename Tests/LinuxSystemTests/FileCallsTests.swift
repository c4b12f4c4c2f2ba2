// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Testing

@Suite struct FileCallsTests {
    private let folder: TemporaryFolder
    private let kernel = LinuxKernel()

    init() throws { folder = try TemporaryFolder() }

    @Test func aFileIsWrittenInPlace() throws {
        try folder.write("switch", "old text")
        try kernel.writeFile("\(folder.path)/switch", Array("new".utf8))
        // As in sysfs: one write at the start, and no other change.
        #expect(try folder.read("switch") == "new text")
    }

    @Test func writingMakesNoFile() {
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.writeFile("\(folder.path)/none", [1]) }
        #expect(throws: Errno.noSpace) { try kernel.writeFile("/dev/full", [1]) }
    }

    @Test func aFileIsMadeOrReplaced() throws {
        try kernel.createFile("\(folder.path)/note", Array("a long text".utf8))
        try kernel.createFile("\(folder.path)/note", Array("short".utf8))
        #expect(try folder.read("note") == "short")
    }

    @Test func aFolderMayBeThereAlready() throws {
        try kernel.createDirectory("\(folder.path)/a")
        try kernel.createDirectory("\(folder.path)/a")
        #expect(try kernel.isDirectory("\(folder.path)/a"))
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.createDirectory("\(folder.path)/b/c") }
    }

    @Test func aFileIsRemovedOnce() throws {
        try folder.write("note", "")
        try kernel.removeFile("\(folder.path)/note")
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.removeFile("\(folder.path)/note") }
    }
}
