// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Configuration
internal import LinuxSystem
internal import Virtio

/// The files of the guest's drives, open and locked. A restarted guest uses the same files, even if their paths name
/// others by then.
///
/// Ownership: immutable. The plan closes them after the last machine was released.
struct OpenDrives: Sendable {
    /// A drive of the configuration, and its file.
    struct Drive: Sendable {
        let settings: Configuration.Drive
        let file: DriveFile
    }

    /// The drive with the root file system first, then the others in the configuration's order.
    let all: [Drive]
    /// Oldest first.
    private let files: [DriveFile]

    /// No drives.
    init() { (all, files) = ([], []) }

    /// - Throws: `MachineError.drive` for the first drive that can't be used; none stays open then.
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

    /// The problems of each drive by itself.
    static func problems(_ settings: [Configuration.Drive], system: any SystemCalls) -> [DriveError] {
        settings.enumerated().compactMap { index, drive in
            do throws(DriveError) {
                try DriveFile(drive.path, key: key(index), isReadOnly: drive.isReadOnly, system: system).close()
                return nil
            } catch { return error }
        }
    }

    /// The reports of the drives, in the order of `all`.
    var reports: [DriveReport] {
        all.map { DriveReport(id: $0.settings.id, path: $0.file.path, counts: $0.file.counts) }
    }

    /// The drives as text, one line each.
    var facts: [String] {
        all.map { drive in
            "drive \(drive.settings.id): \(drive.file.size) bytes of \(drive.file.path)"
                + (drive.settings.isReadOnly ? ", read-only" : "")
        }
    }

    /// Closes them, newest first. A second call does nothing.
    func close() { for file in files.reversed() { file.close() } }
}
