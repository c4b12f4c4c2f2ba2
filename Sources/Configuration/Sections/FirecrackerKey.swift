// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// A key of Firecracker's configuration file that Martlet doesn't support.
///
/// - SeeAlso: Firecracker, src/vmm/src/resources.rs, VmmConfig, and vmm_config/machine_config.rs, MachineConfig
package struct FirecrackerKey: Sendable {
    package let name: String
    /// What to do instead.
    package let remedy: String
    /// The word that means nothing, as the empty values do; nil if there is none.
    package var emptyWord: String?

    /// Whether `value` asks for a feature that Martlet doesn't have.
    func isValue(_ value: JSONValue) -> Bool {
        switch value {
        case .string(let text): text != emptyWord
        default: !value.isEmpty
        }
    }

    // Computed, not stored: only a file with such a key needs it.
    static var root: [FirecrackerKey] {
        [
            FirecrackerKey(
                name: "network-interfaces", remedy: "pass a network controller through (platform-devices)"),
            FirecrackerKey(
                name: "vsock",
                remedy: "use the serial console, or pass a network controller through (platform-devices)"),
            FirecrackerKey(name: "balloon", remedy: "set machine-config.mem_size_mib to what the guest needs"),
            FirecrackerKey(name: "pmem", remedy: "put the data into the initrd (boot-source.initrd_path)"),
            FirecrackerKey(
                name: "memory-hotplug", remedy: "set machine-config.mem_size_mib to the most that the guest needs"),
            FirecrackerKey(
                name: "logger", remedy: "messages go to standard error; choose them by martlet run --log-level LEVEL"),
            FirecrackerKey(
                name: "metrics", remedy: "use martlet run --report FILE, or send SIGUSR1 while the guest runs"),
            FirecrackerKey(
                name: "mmds-config", remedy: "give the guest its data in the initrd or in boot-source.boot_args"),
            FirecrackerKey(name: "serial", remedy: "the serial port is standard input and output; redirect these"),
            FirecrackerKey(name: "cpu-config", remedy: "the guest has the features of the host's CPUs"),
        ]
    }

    static var drive: [FirecrackerKey] {
        [FirecrackerKey(name: "socket", remedy: "give the file or block device by path_on_host")]
    }

    static var machineConfig: [FirecrackerKey] {
        [
            FirecrackerKey(name: "smt", remedy: threads),
            FirecrackerKey(name: "ht_enabled", remedy: threads),
            FirecrackerKey(name: "track_dirty_pages", remedy: "it is for snapshots, which Martlet doesn't support"),
            FirecrackerKey(
                name: "cpu_template", remedy: "the guest has the features of the host's CPUs", emptyWord: "None"),
        ]
    }

    private static let threads = "set vcpu_count to the number of threads; the guest sees each vCPU as a core"
}
