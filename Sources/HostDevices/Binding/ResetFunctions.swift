// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// The devices that the kernel has a function to reset, as far as that can be told before vfio-platform has one.
///
/// The functions are modules with an alias for the device's first compatible string. With ACPI a method of the firmware
/// does it, of which sysfs says nothing.
/// - SeeAlso: Linux, drivers/vfio/platform/vfio_platform_private.h, module_vfio_reset_handler
struct ResetFunctions: Sendable {
    /// Those of Linux itself (drivers/vfio/platform/reset), which may be built in and then have no alias to be found.
    private static let ofLinux: Set<String> = ["calxeda,hb-xgmac", "amd,xgbe-seattle-v1a", "brcm,iproc-flexrm-mbox"]
    /// Compatible strings for which the running kernel's modules have one.
    private let ofModules: Set<String>

    /// - Throws: `HostDeviceError.sysfs` for a file that can't be read. A kernel without modules has no list of them.
    init(proc: Sysfs) throws(HostDeviceError) {
        var found: Set<String> = []
        var path = "\(proc.root)/sys/kernel/osrelease"
        do throws(Errno) {
            path = "/lib/modules/\(try proc.text("sys/kernel/osrelease"))/modules.alias"
            let aliases = try proc.system.readFile(path, limit: 64 << 20)
            // "alias vfio-reset:amd,xgbe-seattle-v1a vfio_platform_amdxgbe"
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
