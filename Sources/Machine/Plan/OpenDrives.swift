// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import LinuxSystem
internal import Virtio

/// The files of the guest's drives, open and locked: a guest that is started again has the same, whatever is at their
/// paths then.
///
/// Ownership: immutable. The plan closes them, when no machine is left.
struct OpenDrives: Sendable {
    /// A drive as the configuration has it, and its file.
    struct Drive: Sendable {
        let settings: Configuration.Drive
        let file: DriveFile
    }

    /// The drive with the root file system first, the others in the configuration's order.
    let all: [Drive]
    /// Oldest first.
    private let files: [DriveFile]

    /// No drives.
    init() { (all, files) = ([], []) }

    /// - Throws: `MachineError.drive` for the first that can't be had; none stays open then.
    init(_ settings: [Configuration.Drive], system: any SystemCalls) throws(MachineError) {
        var drives: [Drive] = []
        do throws(DriveError) {
            for (index, drive) in settings.enumerated() {
                let file = try DriveFile(
                    drive.path, key: Self.key(index), isReadOnly: drive.isReadOnly, system: system)
                drives.append(Drive(settings: drive, file: file))
            }
        } catch {
            for drive in drives.reversed() { drive.file.close() }
            throw .drive(error)
        }
        files = drives.map(\.file)
        all = drives.filter(\.settings.isRootDevice) + drives.filter { !$0.settings.isRootDevice }
    }

    /// The JSON path of the key that names a drive's file.
    private static func key(_ index: Int) -> String { "drives[\(index)].path_on_host" }

    /// What is wrong with each drive by itself.
    static func problems(_ settings: [Configuration.Drive], system: any SystemCalls) -> [DriveError] {
        settings.enumerated().compactMap { index, drive in
            do throws(DriveError) {
                try DriveFile(drive.path, key: key(index), isReadOnly: drive.isReadOnly, system: system).close()
                return nil
            } catch { return error }
        }
    }

    /// What the guests have done with each, in the order of `all`.
    var reports: [DriveReport] {
        all.map { DriveReport(id: $0.settings.id, path: $0.file.path, counts: $0.file.counts) }
    }

    /// What they are, a line each.
    var facts: [String] {
        all.map { drive in
            "drive \(drive.settings.id): \(drive.file.size) bytes of \(drive.file.path)"
                + (drive.settings.isReadOnly ? ", read-only" : "")
        }
    }

    /// Closes them, newest first. A second call does nothing.
    func close() { for file in files.reversed() { file.close() } }
}
