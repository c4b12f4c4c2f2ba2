// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

/// The MD5 of a part of a file of the host.
func md5(of file: String, mebibytes: Int, from start: Int) throws -> String {
    try md5("dd if=\(file) bs=1M skip=\(start) count=\(mebibytes) 2>/dev/null")
}

/// The MD5 of what a command of the host's shell prints.
func md5(_ command: String) throws -> String {
    let process = try MartletProcess(["-c", "\(command) | md5sum"], program: "/bin/sh")
    try process.waitForEnd()
    return try #require(process.output.split(separator: " ").first.map(String.init))
}
