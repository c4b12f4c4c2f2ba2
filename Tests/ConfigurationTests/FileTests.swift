// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import LinuxSystem
import Testing

@testable import Configuration

struct FileTests {
    /// Runs `body` with the path of a fresh folder, which is removed afterwards.
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.path + "/martlet-configuration-\(UUID())"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func errorOf(file: String) -> ConfigurationError? {
        do throws(ConfigurationError) {
            _ = try MachineConfiguration(contentsOf: file)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a file is read, and its paths are relative to its folder`() throws {
        try withFolder { folder in
            let file = folder + "/vm.json"
            try Data(#"{"boot-source": {"kernel_image_path": "../Image"}}"#.utf8).write(to: URL(filePath: file))

            let configuration = try MachineConfiguration(contentsOf: file)

            #expect(configuration.bootSource.kernelImagePath == folder + "/../Image")
        }
    }

    @Test func `a file that doesn't exist`() throws {
        try withFolder { folder in
            let error = errorOf(file: folder + "/none.json")
            #expect(error == .unreadable(file: folder + "/none.json", .noSuchFileOrDirectory))
            #expect(error?.problems == [])
        }
    }

    @Test func `a process without free descriptors is told how to get more`() {
        let error = ConfigurationError.unreadable(file: "vm.json", .tooManyOpenFiles)
        #expect(
            error.description == """
                vm.json: the configuration can't be read: EMFILE (Too many open files)
                  this process has reached its limit of open descriptors
                  run: ulimit -n 4096
                """)
    }

    @Test func `a folder`() throws {
        try withFolder { folder in
            #expect(errorOf(file: folder) == .unreadable(file: folder, .isDirectory))
        }
    }

    @Test func `a file in a file`() throws {
        try withFolder { folder in
            try Data().write(to: URL(filePath: folder + "/file"))
            let file = folder + "/file/vm.json"
            #expect(errorOf(file: file) == .unreadable(file: file, .notDirectory))
        }
    }

    @Test func `an empty file`() throws {
        try withFolder { folder in
            let file = folder + "/vm.json"
            try Data().write(to: URL(filePath: file))
            let problem = ConfigurationProblem(
                path: "", line: 1, column: 1, found: "the end of the file", allowed: "a value", suggestion: nil)
            #expect(errorOf(file: file) == .malformed(file: file, problem))
        }
    }

    @Test func `a file of exactly a mebibyte, and one byte more`() throws {
        try withFolder { folder in
            let file = folder + "/vm.json"
            let json = Array(#"{"boot-source": {"kernel_image_path": "/Image"}}"#.utf8)
            var padded = json + [UInt8](repeating: UInt8(ascii: " "), count: (1 << 20) - json.count)
            try Data(padded).write(to: URL(filePath: file))
            #expect(errorOf(file: file) == nil)

            padded.append(UInt8(ascii: " "))
            try Data(padded).write(to: URL(filePath: file))

            #expect(errorOf(file: file) == .unreadable(file: file, .fileTooLarge))
        }
    }

    @Test func `an endless file`() {
        #expect(errorOf(file: "/dev/zero") == .unreadable(file: "/dev/zero", .fileTooLarge))
    }

    @Test(arguments: [
        (Errno.permissionDenied, "EACCES (Permission denied)\n  make the file and its folders readable to this user"),
        (Errno.ioError, "EIO (Input/output error)\n  check the path and the file system that it is on"),
    ])
    func `other failures name their errno and a remedy`(errno: Errno, expected: String) {
        #expect(
            ConfigurationError.unreadable(file: "vm.json", errno).description
                == "vm.json: the configuration can't be read: \(expected)")
    }
}
