// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

extension VFIOCalls {
    /// Opens a device file.
    /// - Parameters:
    ///   - device: the device that errors name.
    ///   - sysfs: a path that exists when the kernel has the device file, even if /dev lacks it.
    ///   - others: other device files that are needed too.
    /// - Throws: `VFIOError.hiddenNode` when only /dev lacks the file, as in a container; `.failed`.
    func openNode(
        _ path: String, _ operation: VFIOOperation, for device: String, sysfs: String, others: [String] = []
    ) throws(VFIOError) -> CInt {
        do throws(Errno) { return try open(path, .readWrite) } catch {
            // Without sysfs the reason can't be found, and the plain error is thrown.
            if error == .noSuchFileOrDirectory, (try? isDirectory(sysfs)) != nil {
                throw .hiddenNode(device: device, operation, path: path, others: others)
            }
            throw .failed(device: device, operation, error)
        }
    }
}
