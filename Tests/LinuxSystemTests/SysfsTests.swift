// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import LinuxSystem
import Testing

@Suite struct SysfsTests {
    private let folder: TemporaryFolder
    private var sysfs: Sysfs { Sysfs(root: folder.path, system: LinuxKernel()) }

    init() throws { folder = try TemporaryFolder() }

    @Test(arguments: [
        ("vfio-platform\n", "vfio-platform"), ("", ""), ("\n", ""), ("two\nlines\n", "two\nlines"), ("a  \n", "a"),
    ])
    func `a text has no white space at its end`(content: String, text: String) throws {
        try folder.write("bus/driver_override", content)
        #expect(try sysfs.text("bus/driver_override") == text)
    }

    @Test func `a text that is missing or too long is an error`() throws {
        #expect(throws: Errno.noSuchFileOrDirectory) { try sysfs.text("none") }
        try folder.write("long", String(repeating: "x", count: 65537))
        #expect(throws: Errno.fileTooLarge) { try sysfs.text("long") }
    }

    @Test func `a links name is its last component`() throws {
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/driver", withDestinationPath: "../../bus/amba/drivers/rtc-pl031")
        #expect(try sysfs.linkName("driver") == "rtc-pl031")
        #expect(try sysfs.linkName("none") == nil)
        try folder.write("file", "")
        #expect(throws: Errno.invalidArgument) { try sysfs.linkName("file") }
    }

    @Test func `a missing folder is empty`() throws {
        try folder.write("devices/b", "")
        try folder.write("devices/a", "")
        #expect(try sysfs.names("devices") == ["a", "b"])
        #expect(try sysfs.names("none").isEmpty)
        #expect(throws: Errno.notDirectory) { try sysfs.names("devices/a") }
    }

    @Test func `only a folder is a folder`() throws {
        try folder.write("devices/a", "")
        #expect(try sysfs.hasDirectory("devices"))
        #expect(try !sysfs.hasDirectory("devices/a"))
        #expect(try !sysfs.hasDirectory("none"))
    }
}
