// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

extension Integration {
    /// Kernels and initrds that can't be booted, and memory that can't be had.
    @Suite struct BootFileErrorTests {
        private func refusal(_ change: (inout GuestConfiguration) throws -> Void, _ texts: String...) throws {
            var configuration = GuestConfiguration.linux("cpus")
            try change(&configuration)
            expectRefusal(try Guest.run(configuration), status: 1, texts)
        }

        private func bytes(_ image: String) throws -> Data {
            try Data(contentsOf: URL(fileURLWithPath: Host.image(image)))
        }

        @Test func `missing files`() throws {
            try refusal({ $0.source.kernel = "/nowhere" }, "boot-source.kernel_image_path: /nowhere: ENOENT")
            try refusal({ $0.source.initrd = "/nowhere" }, "boot-source.initrd_path: /nowhere: ENOENT")
        }

        @Test func `folder is no kernel`() throws {
            try refusal({ $0.source.kernel = "/tmp" }, "boot-source.kernel_image_path: /tmp: this is a directory")
        }

        @Test(
            arguments: [
                (
                    "text", Array("#!/bin/sh\n".utf8) + Array(repeating: 0x20, count: 100),
                    "this is not an arm64 Linux Image"
                ),
                ("short", [0x4D, 0x5A], "the file is truncated: it has 2 bytes, and the header has 64"),
                ("nothing", [], "the file is truncated: it has 0 bytes, and the header has 64"),
            ] as [(String, [UInt8], String)])
        func `file that is no Image`(name: String, content: [UInt8], text: String) throws {
            let folder = try TemporaryFolder()
            let file = try folder.file(name, content)

            try refusal({ $0.source.kernel = file }, "boot-source.kernel_image_path: \(file): \(text)", "Image.gz")
        }

        @Test func `file of another format is named with the command`() throws {
            let folder = try TemporaryFolder()
            let file = try folder.file("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00])

            try refusal(
                { $0.source.kernel = file },
                "boot-source.kernel_image_path: \(file): this is compressed with xz, which Martlet doesn't support",
                "run: xz -dc < \(file) > Image")
        }

        @Test func `truncated gzip`() throws {
            let folder = try TemporaryFolder()
            let whole = try bytes("Image.gz")
            let file = try folder.file("Image.gz", whole.prefix(whole.count / 2))

            try refusal({ $0.source.kernel = file }, file, "the file is truncated: the gzip stream ends early")
        }

        @Test func `corrupt gzip`() throws {
            let folder = try TemporaryFolder()
            var whole = try bytes("Image.gz")
            for offset in 0..<64 { whole[whole.count / 2 + offset] ^= 0xFF }
            let file = try folder.file("Image.gz", whole)

            try refusal({ $0.source.kernel = file }, file, "the gzip stream is corrupt")
        }

        @Test func `kernel that does not fit`() throws {
            let folder = try TemporaryFolder()
            // The file alone is larger than the guest's RAM.
            let file = try folder.file("Image", try bytes("Image").prefix(64), size: 32 << 20)

            try refusal(
                {
                    $0.source.kernel = file
                    $0.size.mebibytes = 16
                }, "machine-config.mem_size_mib: the kernel \(file) needs 33554432 bytes", "increase")
        }

        /// The header says how much memory the kernel takes besides its file.
        @Test func `kernel whose memory does not fit`() throws {
            let folder = try TemporaryFolder()
            var image = try bytes("flat/poweroff.bin")
            image.replaceSubrange(16..<24, with: [0, 0, 0, 4, 0, 0, 0, 0])  // 64 MiB
            let file = try folder.file("Image", image)

            try refusal(
                {
                    $0.source.kernel = file
                    $0.size.mebibytes = 32
                }, "machine-config.mem_size_mib: the kernel \(file) needs 67108864 bytes", "increase")
        }

        @Test func `initrd that does not fit`() throws {
            let folder = try TemporaryFolder()
            let file = try folder.file("initrd", [], size: 200 << 20)

            try refusal(
                { $0.source.initrd = file }, "machine-config.mem_size_mib: the initrd \(file) needs 209715200 bytes",
                "increase machine-config.mem_size_mib")
        }

        @Test func `more memory than the host has`() throws {
            let total = try #require(
                Host.text("/proc/meminfo").split(separator: "\n").first?.split { !$0.isNumber }.first.flatMap {
                    Int($0)
                })
            let wanted = total / 1024 + 1024

            try refusal(
                { $0.size.mebibytes = wanted }, "machine-config.mem_size_mib: the guest needs \(wanted) MiB",
                "the host has only", "reduce machine-config.mem_size_mib")
        }
    }
}
