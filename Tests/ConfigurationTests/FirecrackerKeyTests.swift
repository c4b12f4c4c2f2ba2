// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

/// Files that were written for Firecracker.
struct FirecrackerKeyTests {
    private static let prefix = "found a key of Firecracker that Martlet doesn't support; allowed: nothing; remove it: "

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
        let problems = problemsOf(#"{\#(plainBootSource), "\#(key)": \#(value)}"#)
        #expect(problems.count == 1)
        let problem = try #require(problems.first)
        #expect(problem.hasPrefix("\(key): \(Self.prefix)"), "\(problem)")
        #expect(problem.count > "\(key): \(Self.prefix)".count + 20)
    }

    @Test(arguments: [
        ("smt", "true"), ("ht_enabled", "true"), ("track_dirty_pages", "true"), ("cpu_template", #""V1N1""#),
    ])
    func `so is one of machine-config`(key: String, value: String) throws {
        let problems = problemsOf(machine(#""\#(key)": \#(value)"#))
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("machine-config.\(key): \(Self.prefix)") == true, "\(problems)")
    }

    @Test(arguments: [
        ("drives[0].socket", #""drives": [{"drive_id": "a", "path_on_host": "b", "socket": "s"}]"#)
    ])
    func `so is one of a device`(path: String, section: String) throws {
        let problems = problemsOf("{\(plainBootSource), \(section)}")
        #expect(problems.count == 1)
        #expect(problems.first?.hasPrefix("\(path): \(Self.prefix)") == true, "\(problems)")
    }

    @Test func `the keys are Firecracker's only where Firecracker has them`() {
        #expect(problemsOf(#"{\#(plainBootSource), "smt": false}"#).first?.contains("an unknown key") == true)
        #expect(problemsOf(machine(#""drives": []"#)).first?.contains("an unknown key") == true)
    }

    /// A later release may do more: then the key moves, and must not stay in both.
    @Test func `no key is Martlet's and lacking`() {
        let own = Set(MachineConfiguration.Keys.section.keys.map(\.name) + MachineConfig.Keys.section.keys.map(\.name))
        #expect(own.isDisjoint(with: (FirecrackerKey.root + FirecrackerKey.machineConfig).map(\.name)))
        #expect(Set(Drive.Keys.section.keys.map(\.name)).isDisjoint(with: FirecrackerKey.drive.map(\.name)))
    }

    @Test func `every part is told once, in the order of the text`() {
        let problems = problemsOf(
            #"""
            {"network-interfaces": [{"iface_id": "a"}, {"iface_id": "b"}], \#(plainBootSource),
             "machine-config": {"smt": true, "vcpu_count": 2}, "vsock": {"guest_cid": 3}, "balloon": {"amount_mib": 1}}
            """#)
        #expect(
            problems.map { String($0.prefix { $0 != ":" }) }
                == ["network-interfaces", "machine-config.smt", "vsock", "balloon"])
    }
}
