// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import Virtio

/// The report of a drive, over all starts of the guest.
public struct DriveReport: Equatable, Sendable, Encodable {
    /// Its name in the configuration.
    public let id: String
    /// Its file.
    public let path: String
    /// The counts of the guest's requests.
    public let counts: DriveCounts

    private enum CodingKeys: String, CodingKey {
        case id = "drive_id"
        case path = "path_on_host"
    }

    /// Encodes the report as `--report` writes it: the counts are beside the names.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(path, forKey: .path)
        try counts.encode(to: encoder)
    }

    /// The drive as a line of text.
    var line: String {
        "drive \(id): \(counts.reads) reads (\(counts.bytesRead) bytes), "
            + "\(counts.writes) writes (\(counts.bytesWritten) bytes), \(counts.flushes) flushes, "
            + "\(counts.discards) discards, \(counts.errors) errors"
    }
}
