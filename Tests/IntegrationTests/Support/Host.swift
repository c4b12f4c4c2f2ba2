// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Glibc
import LinuxSystem
import Testing

/// The ARM host on which the tests run, as the environment describes it.
enum Host {
    private static let environment = ProcessInfo.processInfo.environment

    /// The program under test.
    static let martlet = environment["MARTLET"] ?? ""
    /// The folder with Image, Image.gz, initramfs.cpio.gz and flat/.
    static let images = environment["MARTLET_IMAGES"] ?? ""
    /// The folder with the example configurations.
    static let configurations = environment["MARTLET_CONFIGS"] ?? ""
    /// The folder for device trees that a host without dtc can't check: the script that started the tests checks them.
    static let blobs = environment["MARTLET_BLOBS"]
    /// The folder with the images of the emulated host's disks, and the bytes that its serial ports sent.
    static let deviceFiles = environment["MARTLET_DEVICE_FILES"] ?? ""
    /// "emulated-gicv3", "emulated-gicv2" or "native".
    private static let name = environment["MARTLET_TEST_HOST"] ?? "native"

    /// The size of the host's pages in bytes.
    static let pageSize = Int(MemoryMapping.pageSize)

    /// Whether this is the emulated host, whose devices can be passed through.
    static let isEmulated = name.hasPrefix("emulated")
    /// Whether the host's interrupt controller is of version 2.
    static let hasOldInterruptController =
        name == "emulated-gicv2" || (name == "native" && text("/proc/interrupts").contains("GIC-0"))

    /// Why no test can run here; nil if they can.
    static let problem: String? = {
        #if arch(arm64)
        if !exists("/dev/kvm") { return "this host has no /dev/kvm" }
        for (name, value) in [
            ("MARTLET", martlet), ("MARTLET_IMAGES", images), ("MARTLET_CONFIGS", configurations),
        ] where value.isEmpty {
            return "\(name) is not set: guest-images/test.sh runs these tests"
        }
        return nil
        #else
        return "this is no arm64 machine: guest-images/test.sh runs these tests in an emulated one"
        #endif
    }()

    static func image(_ name: String) -> String { "\(images)/\(name)" }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// The content of a file of /proc or /sys without white space at its ends; empty when it can't be read.
    static func text(_ path: String) -> String {
        guard let bytes = try? LinuxKernel().readFile(path, limit: 4 << 20) else { return "" }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let first = text.firstIndex(where: { !$0.isWhitespace }) else { return "" }
        let end = text.lastIndex { !$0.isWhitespace } ?? first
        return String(text[first...end])
    }

    /// Writes to a file of /proc or /sys, or throws the kernel's errno.
    static func write(_ text: String, to path: String) throws {
        try FileOutput.replace(path, with: Array(text.utf8))
    }

    /// Calls `body` while a file has another mode.
    static func withMode(_ mode: mode_t, of file: String, _ body: () throws -> Void) throws {
        var status = stat()
        try #require(stat(file, &status) == 0)
        try #require(chmod(file, mode) == 0)
        defer { chmod(file, status.st_mode & 0o7777) }
        try body()
    }
}
