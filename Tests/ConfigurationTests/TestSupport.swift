// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials

@testable import Configuration

/// The smallest valid configuration's boot source, for configurations that are about something else.
let plainBootSource = #""boot-source": {"kernel_image_path": "/Image"}"#

func decode(_ json: String, folder: String = "") throws(ConfigurationError) -> MachineConfiguration {
    try MachineConfiguration(json: Array(json.utf8), folder: folder)
}

/// A configuration with one platform device that has `keys`.
func device(_ keys: String) -> String { #"{\#(plainBootSource), "platform-devices": [{\#(keys)}]}"# }

/// A configuration with `keys` in its machine-config.
func machine(_ keys: String) -> String { #"{\#(plainBootSource), "machine-config": {\#(keys)}}"# }

/// A configuration with `keys` in its boot-source, besides the path of the kernel image.
func boot(_ keys: String) -> String { #"{"boot-source": {"kernel_image_path": "/Image", \#(keys)}}"# }

func errorOf(_ json: String) -> ConfigurationError? { errorOf(Array(json.utf8)) }

func errorOf(_ json: [UInt8]) -> ConfigurationError? {
    do throws(ConfigurationError) {
        _ = try MachineConfiguration(json: json, folder: "", file: "test.json")
        return nil
    } catch {
        return error
    }
}

/// What `errorOf` says of each problem, without its place in the text.
func problemsOf(_ json: String) -> [String] {
    (errorOf(json)?.problems ?? []).map { problem in
        let text = problem.description
        guard let colon = text.firstIndex(of: ":") else { return text }
        return String(text[colon...].dropFirst(2))
    }
}

/// The files of configs/, by name.
func exampleFiles() throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: configsFolder) where name.hasSuffix(".json") {
        files[name] = Array(try Data(contentsOf: URL(filePath: "\(configsFolder)/\(name)")))
    }
    return files
}

/// configs/ at the root of the package that this file is in.
let configsFolder = ConfigurationPath.folder(of: #filePath) + "/../../configs"

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
