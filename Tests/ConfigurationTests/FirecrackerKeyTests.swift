// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

/// Files that were written for Firecracker.
struct FirecrackerKeyTests {
    /// Checks that the only problem of `json` is the key at `path`, one of `keys`, with what to do instead.
    private func expectOnly(_ path: String, of keys: [FirecrackerKey], in json: String) throws {
        let name = path.split(separator: ".").last.map(String.init)
        let key = try #require(keys.first { $0.name == name })
        #expect(key.remedy.count > 20)
        let problems = try #require(errorOf(json)).problems
        #expect(problems.map(\.path) == [path])
        #expect(problems.map(\.found) == ["a key of Firecracker that Martlet doesn't support"])
        #expect(problems.map(\.allowed) == ["nothing; remove it: \(key.remedy)"])
        #expect(problems.map(\.suggestion) == [nil])
    }

    /// What `GET /vm/config` gives for a machine that has none of it.
    @Test func `a file that Firecracker filled with empty keys is read`() throws {
        let configuration = try decode(
            #"""
            {"boot-source": {"kernel_image_path": "Image", "initrd_path": null, "boot_args": null},
             "machine-config": {"vcpu_count": 1, "mem_size_mib": 128, "huge_pages": "None", "smt": false,
                                "track_dirty_pages": false, "cpu_template": "None", "ht_enabled": false},
             "drives": [], "network-interfaces": [], "vsock": null, "logger": null, "metrics": null, "balloon": null,
             "mmds-config": null, "entropy": null, "cpu-config": null, "pmem": [], "memory-hotplug": null,
             "serial": {}}
            """#)

        var expected = MachineConfiguration(bootSource: BootSource(kernelImagePath: "Image"))
        expected.machineSize.hugePages = MachineConfig.HugePages.none
        #expect(configuration == expected)
    }

    @Test(arguments: [
        ("network-interfaces", #"[{"iface_id": "eth0", "host_dev_name": "tap0"}]"#),
        ("vsock", #"{"guest_cid": 3, "uds_path": "v.sock"}"#), ("balloon", #"{"amount_mib": 0}"#),
        ("pmem", #"[{"id": "a"}]"#), ("memory-hotplug", #"{"total_size_mib": 1024}"#),
        ("logger", #"{"log_path": "fc.log"}"#),
        ("metrics", #"{"metrics_path": "fc.metrics"}"#), ("mmds-config", #"{"network_interfaces": ["eth0"]}"#),
        ("serial", #"{"serial_out_path": "a"}"#), ("cpu-config", #""template.json""#),
    ])
    func `a part that Martlet lacks is one line with what to do`(key: String, value: String) throws {
        try expectOnly(key, of: FirecrackerKey.root, in: #"{\#(plainBootSource), "\#(key)": \#(value)}"#)
    }

    @Test(arguments: [
        ("smt", "true"), ("ht_enabled", "true"), ("track_dirty_pages", "true"), ("cpu_template", #""V1N1""#),
    ])
    func `so is one of machine-config`(key: String, value: String) throws {
        try expectOnly(
            "machine-config.\(key)", of: FirecrackerKey.machineConfig, in: machine(#""\#(key)": \#(value)"#))
    }

    @Test(arguments: [
        ("drives[0].socket", #""drives": [{"drive_id": "a", "path_on_host": "b", "socket": "s"}]"#)
    ])
    func `so is one of a device`(path: String, section: String) throws {
        try expectOnly(path, of: FirecrackerKey.drive, in: "{\(plainBootSource), \(section)}")
    }

    @Test func `the keys are Firecracker's only where Firecracker has them`() {
        for json in [#"{\#(plainBootSource), "smt": false}"#, machine(#""drives": []"#)] {
            #expect(errorOf(json)?.problems.first?.found == "an unknown key", "\(json)")
        }
    }

    /// A later release may do more: then the key moves, and must not stay in both.
    @Test func `no key is Martlet's and lacking`() {
        let own = Set(MachineConfiguration.Keys.section.keys.map(\.name) + MachineConfig.Keys.section.keys.map(\.name))
        #expect(own.isDisjoint(with: (FirecrackerKey.root + FirecrackerKey.machineConfig).map(\.name)))
        #expect(Set(Drive.Keys.section.keys.map(\.name)).isDisjoint(with: FirecrackerKey.drive.map(\.name)))
    }

    @Test func `every part is told once, in the order of the text`() {
        let error = errorOf(
            #"""
            {"network-interfaces": [{"iface_id": "a"}, {"iface_id": "b"}], \#(plainBootSource),
             "machine-config": {"smt": true, "vcpu_count": 2}, "vsock": {"guest_cid": 3}, "balloon": {"amount_mib": 1}}
            """#)
        #expect(error?.problems.map(\.path) == ["network-interfaces", "machine-config.smt", "vsock", "balloon"])
    }
}
