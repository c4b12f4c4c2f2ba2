// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Foundation
import KernelFakes

/// The martlet that was built beside these tests; nil where the bundle was taken elsewhere without it.
let builtProgram: HostTool? = {
    guard let bundle = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
    let folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
    let path = folder.appending(path: "martlet").path
    return FileManager.default.isExecutableFile(atPath: path) ? HostTool(path: path) : nil
}()

/// A folder with a configuration and what it names, which goes when the test is done.
final class ConfigurationFolder {
    let path: String
    var config: String { "\(path)/vm.json" }

    /// Makes the folder with a plausible arm64 Image of 4096 bytes, and a configuration that boots it.
    init(machine: String = #"{"vcpu_count": 2, "mem_size_mib": 16}"#, devices: String = "[]") throws {
        path = NSTemporaryDirectory() + "/martlet-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Documentation/arch/arm64/booting.rst: text_offset 0, image_size 4096, flags, and the magic number at byte 56.
        var image = [UInt8](repeating: 0, count: 4096)
        image[17] = 0x10
        image[24] = 0x0A
        image.replaceSubrange(56..<60, with: Array("ARMd".utf8))
        try write("Image", image)
        try write("initrd", [UInt8](repeating: 1, count: 100))
        try write(
            "vm.json",
            Array(
                """
                {
                  "boot-source": { "kernel_image_path": "Image", "initrd_path": "initrd", "boot_args": "console=ttyS0" },
                  "machine-config": \(machine),
                  "platform-devices": \(devices)
                }
                """.utf8))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))) }
}
