// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem

@testable import Virtio

extension Messages {
    /// Virtio.
    mutating func addVirtio() {
        let (key, path) = ("drives[0].path_on_host", "/srv/disk.img")
        add(
            DriveError.call("open", key: key, path: path, errno: .noSuchFileOrDirectory),
            .call("fcntl(F_OFD_SETLK)", key: key, path: path, errno: .noLocks), .kind(.directory, key: key, path: path),
            .readOnly(key: key, path: path, errno: .permissionDenied),
            .locked(key: key, path: path, isReadOnly: false), .locked(key: key, path: path, isReadOnly: true),
            .size(0, key: key, path: path), .size(1000, key: key, path: path))
        add(
            QueueFault.ring(address: 0x1000), .availableIndex(ahead: 300, size: 256), .head(256, size: 256),
            .next(256, size: 256), .chainLength(limit: 256), .buffer(address: 0x10, count: 512), .byteCount, .order,
            .indirect, .indirectSize(17), .request(readable: 8, writable: 0)
        ) { "drive rootfs: queue 0: \($0); the device waits for the guest to reset it" }
        add(
            BlockRequest.read(offset: 4096), .write(offset: 4096), .flush, .identify, .discard(rangeCount: 1),
            .writeZeroes(rangeCount: 1)
        ) { "drive rootfs: \($0.what): EIO (Input/output error); the guest gets an I/O error" }
    }
}
