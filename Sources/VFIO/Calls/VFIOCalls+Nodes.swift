// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

extension VFIOCalls {
    /// Opens a device file.
    /// - Parameters:
    ///   - device: which errors are about.
    ///   - sysfs: what is there when the kernel has the device file, whatever /dev shows.
    ///   - others: device files that are needed besides.
    /// - Throws: `VFIOError.hiddenNode` where only /dev lacks it, as in a container; `.failed`.
    func openNode(
        _ path: String, _ operation: VFIOOperation, for device: String, sysfs: String, others: [String] = []
    ) throws(VFIOError) -> CInt {
        do throws(Errno) { return try open(path, .readWrite) } catch {
            // Without sysfs it can't be told, and the error is the plain one.
            if error == .noSuchFileOrDirectory, (try? isDirectory(sysfs)) != nil {
                throw .hiddenNode(device: device, operation, path: path, others: others)
            }
            throw .failed(device: device, operation, error)
        }
    }
}
