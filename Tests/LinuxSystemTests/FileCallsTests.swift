// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Testing

@Suite struct FileCallsTests {
    private let folder: TemporaryFolder
    private let kernel = LinuxKernel()

    init() throws { folder = try TemporaryFolder() }

    @Test func `a file is written in place`() throws {
        try folder.write("switch", "old text")
        try kernel.writeFile("\(folder.path)/switch", Array("new".utf8))
        // As in sysfs: one write at the start, and no other change.
        #expect(try folder.read("switch") == "new text")
    }

    @Test func `writing makes no file`() {
        #expect(throws: Errno.noSuchFileOrDirectory) { try kernel.writeFile("\(folder.path)/none", [1]) }
        #expect(throws: Errno.noSpace) { try kernel.writeFile("/dev/full", [1]) }
    }
}
