// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The devices for which the kernel has a reset function, as far as that is known before vfio-platform has the device.
///
/// The functions are modules with an alias for the device's first compatible string. With ACPI, a method of the
/// firmware resets the device; sysfs doesn't show it.
/// - SeeAlso: Linux, drivers/vfio/platform/vfio_platform_private.h, module_vfio_reset_handler
struct ResetFunctions: Sendable {
    /// Linux's own functions (drivers/vfio/platform/reset). They may be built in, and then have no alias.
    private static let ofLinux: Set<String> = ["calxeda,hb-xgmac", "amd,xgbe-seattle-v1a", "brcm,iproc-flexrm-mbox"]
    /// The compatible strings for which the running kernel's modules have one.
    private let ofModules: Set<String>

    /// - Throws: `HostDeviceError.sysfs` for a file that can't be read. A kernel without modules has no list of them.
    init(proc: Sysfs) throws(HostDeviceError) {
        var found: Set<String> = []
        var path = "\(proc.root)/sys/kernel/osrelease"
        do throws(Errno) {
            path = "/lib/modules/\(try proc.text("sys/kernel/osrelease"))/modules.alias"
            let aliases = try proc.system.readFile(path, limit: 64 << 20)
            // A line such as "alias vfio-reset:amd,xgbe-seattle-v1a vfio_platform_amdxgbe".
            let start = Array("alias vfio-reset:".utf8)
            for line in aliases.split(separator: UInt8(ascii: "\n")) where line.starts(with: start) {
                let name = line.dropFirst(start.count).prefix { $0 != UInt8(ascii: " ") }
                found.insert(String(decoding: name, as: UTF8.self))
            }
        } catch .noSuchFileOrDirectory {
        } catch { throw .sysfs(device: "the host", path: path, errno: error) }
        ofModules = found
    }

    func contains(_ compatible: String) -> Bool {
        Self.ofLinux.contains(compatible) || ofModules.contains(compatible)
    }
}
