// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem

@testable import Configuration

extension Messages {
    /// Configuration.
    mutating func addConfiguration() {
        let file = "vm.json"
        for errno in [
            Errno.noSuchFileOrDirectory, .notDirectory, .isDirectory, .permissionDenied, .fileTooLarge,
            .tooManyOpenFiles, .ioError,
        ] {
            add(ConfigurationError.unreadable(file: file, errno))
        }
        add(
            ConfigurationError.unusable(file: file, .noPartner(isReader: false)),
            .malformed(file: file, Self.problem(in: "{\"a\" 1}")),
            .invalid(file: file, Self.problems(in: Self.wrong)),
            .invalid(file: file, Self.problems(in: Self.wrongDescriptors)),
            .invalid(file: file, [Self.problem(in: "{}")]))
        add(ConfigurationProblem.self, "\(Self.problem(in: "[]"))")
        for text in Self.syntaxErrors { add("JSONSyntaxError", "\(text)\n  \(Self.problem(in: text))") }
    }

    private static func problems(in text: String) -> [ConfigurationProblem] {
        do throws(ConfigurationError) {
            _ = try MachineConfiguration(json: Array(text.utf8), folder: "", file: "vm.json")
            return []
        } catch { return error.problems }
    }

    private static func problem(in text: String) -> ConfigurationProblem {
        problems(in: text).first
            ?? ConfigurationProblem(path: "", line: 0, column: 0, found: "no problem", allowed: "", suggestion: nil)
    }

    private static let syntaxErrors = [
        "", "{", "{\"a\": }", "{\"a\": 1,}", "{a: 1}", "{\"a\": 01}", "{\"a\": -}", "{\"a\": \"\\x\"}",
        "{\"a\": \"\\u12\"}",
        "{\"a\": \"\\ud800\"}", "{\"a\": \"b", "[1 2]", "{\"a\": 1 \"b\": 2}", "{} {}",
        String(repeating: "[", count: 100),
    ]

    /// A configuration with a descriptor that is used twice, one that can't be, and peers that can't be.
    private static let wrongDescriptors = """
        {
          "boot-source": {"kernel_image_path": "Image"}, "vfio": "cdev", "iommufd_fd": 3, "peer_to_peer": true,
          "platform-devices": [{"host": "a", "vfio_fd": 3}, {"host": "b", "vfio_fd": 2}]
        }
        """

    /// A configuration in which much is wrong.
    private static let wrong = """
        {
          "boot-source": {"kernel_image_path": ""},
          "machine-config": {
            "vcpu_count": 0, "mem_size_mib": 255, "huge_pages": "2M", "ram_base": 1, "cpus": "3-1", "smt": true
          },
          "drives": [{}],
          "on_reset": "again",
          "vfio": "group", "iommufd_fd": 3,
          "platfrom-devices": [],
          "device-tree": {"overlays": "a.dtbo"},
          "platform-devices": [
            {"host": "a", "label": "0x", "guest_address": 1, "interrupts": "irqfd", "irqfd": false},
            {"host": "a", "dma": "identity", "storm_limit": 5, "interrupts": "irqfd", "no_mmap": 1},
            {"device_tree": {"properties": {"reg": null}, "delete": ["reg"], "clocks": {"a": -1}}},
            {"host": "b", "label": "x", "vfio_fd": 3}, {"host": "c", "label": "x", "vfio_fd": 3}, 7
          ],
          "on_reset": "exit"
        }
        """
}
