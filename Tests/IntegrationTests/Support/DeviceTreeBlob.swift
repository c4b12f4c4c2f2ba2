// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import FoundationEssentials
import Testing

/// The names of the example configurations.
let exampleConfigurations: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: Host.configurations)) ?? []
    return names.filter { $0.hasSuffix(".json") && $0 != "schema.json" }.sorted()
}()

/// The output of `martlet dtb` for a configuration.
func deviceTreeBlob(of configuration: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Data {
    let folder = try TemporaryFolder()
    let file = "\(folder.path)/guest.dtb"
    let process = try MartletProcess(["dtb", configuration, "-o", file])
    #expect(try process.waitForEnd() == 0, "\(process.errors)", sourceLocation: sourceLocation)
    #expect(process.errors.isEmpty && process.output.isEmpty, sourceLocation: sourceLocation)
    let blob = try Data(contentsOf: URL(fileURLWithPath: file))
    expectWhole(blob, sourceLocation: sourceLocation)
    return blob
}

/// Expects that a blob begins with a magic number and its length (Devicetree Specification v0.4, 5.2).
func expectWhole(_ blob: Data, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(Array(blob.prefix(4)) == [0xD0, 0x0D, 0xFE, 0xED], sourceLocation: sourceLocation)
    let length = blob.dropFirst(4).prefix(4).reduce(0) { $0 << 8 | Int($1) }
    #expect(length == blob.count, sourceLocation: sourceLocation)
}

/// Expects that dtc has no warnings about the device tree of an example configuration. If the host has no dtc, the
/// script that started the tests takes the blob and checks it: guest-images/test.sh does.
func expectCleanDeviceTree(ofExample name: String) throws {
    let blob = try deviceTreeBlob(of: "\(Host.configurations)/\(name)")
    if let blobs = Host.blobs {
        try blob.write(to: URL(fileURLWithPath: "\(blobs)/\(name).dtb"))
        return
    }
    let folder = try TemporaryFolder()
    let file = try folder.file("guest.dtb", blob)
    let dtc = try MartletProcess(
        ["-I", "dtb", "-O", "dts", "-o", "/dev/null", file], program: "/usr/bin/dtc")
    #expect(try dtc.waitForEnd() == 0)
    #expect(dtc.errors == "")
}
