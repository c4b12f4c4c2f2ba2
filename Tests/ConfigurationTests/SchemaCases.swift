// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import FoundationEssentials

@testable import Configuration

/// Configurations, right and wrong, of which the schema and the decoder have to say the same.
enum SchemaCases {
    /// The folder with jsonschema; nil where there is none.
    static let tools = ProcessInfo.processInfo.environment["MARTLET_DT_VALIDATE"].flatMap { folder in
        folder.isEmpty ? nil : folder
    }

    /// Values of every type, at and around every limit and rule of the configuration.
    static let probes: [String] =
        [
            "null", "true", "false", "[]", "[{}]", "{}", #"[{"host": "a"}]"#, #"{"kernel_image_path": "a"}"#, "-0",
            "-1", "0", "1", "15", "16", "32", "33", "128", "1048576", "1048577", "3600000", "3600001", "1.5", "1e300",
            "63", "64", "2048", "4095", "4096", "4097", "65536", "65537", "1000000", "1000001", "2", "3", "1048575",
            "281474976710655",
            "281474976710656", "4503599627366400", "4503599627370496", "99999999999999999999",
        ]
        + [
            "", "a", ".", "..", "...", "a/b", "/", "//", "/a", "/a/", "/a//", "a/.", "a/..", "a/../", "a/...", "./",
            "/.a",
            #"a\u0000"#, #"\u0000/a"#, #"a\n"#, #"a\nb"#, #"a\r"#, #"..\n"#, "é", "host", "Host", #"host\n"#, "0x",
            "0x0",
            "0x00", "0x1000", "0x1001", "0x1800", "0X1000", "0x+1000", "0xfffffffffF000", "0x10000000000000",
            "0x00000000000000001000", #"0x1000\n"#, "1000", "4096", "auto", "irqfd", "relay", "eventfd", "Auto", "irq",
            "iommu", "none", "identity", "cdev", "group", "exit", "restart", "None", "2M", "linux,cma",
        ].map { #""\#($0)""# }
        + [31, 32, 254, 255, 256, 2047, 2048, 4095, 4096].map { #""\#(String(repeating: "n", count: $0))""# }
        + [
            "2147483648", "2097152", "4194304", "1048575", #""0x200000""#, #""0x100000""#, #""0x3e00000""#,
            #""0x3f00000""#, "4294967295", "4294967296", #""gic""#, #""device""#, #""serial""#, #""_x9""#, #""9x""#,
            #""a-b""#,
            #""phandle""#, #""linux,phandle""#, "\"#clock-cells\"", #""a@1""#, #""a/b@2/c""#, #""a//b""#, #""a b""#,
            #"["a"]"#, #"["", "b"]"#, #"["a\u0000"]"#, "[1, 2]", "[4294967296]", #"["host", "auto", 4096]"#,
            #"[1, "a"]"#, #"["0x1000", 4097]"#, #"["host", "Auto"]"#, "[[1]]",
            "[" + (0..<64).map { _ in #""auto""# }.joined(separator: ",") + "]",
            "[" + (0..<65).map { _ in #""auto""# }.joined(separator: ",") + "]",
            #""4-7""#, #""0,2-3""#, #""8191""#, #""8192""#, #""0-8191""#, #""0-""#, #""-1""#, #""1,""#, #""01""#,
            #""1-2-3""#,
            #""0, 1""#, #""0-1\n""#, "[0, 8191]", "[8192]", "[0, -1]", #"["0"]"#,
            #"{"a": 1}"#, #"{"a": 0}"#, #"{"": 1}"#, #"{"phandle": 1}"#, #"{"phandle": "a"}"#, #"{"phandle": "9"}"#,
            #"{"phandle": "a", "x": 1}"#, #"[{"phandle": "a"}, 3]"#, #"[{"phandle": "a"}, "b"]"#,
            #"{"u64": 18446744073709551615}"#, #"{"u64": -1}"#, #"{"u64": "0xFFFFffffFFFFffff"}"#,
            #"{"u64": "0x10000000000000000"}"#, #"{"u64": [1, "0x2"]}"#, #"{"u64": []}"#, #"{"u64": ["a"]}"#,
            #"{"u64": 1, "bytes": "00"}"#, #"{"bytes": "00 1f"}"#, #"{"bytes": " 00 "}"#, #"{"bytes": "0"}"#,
            #"{"bytes": "0 0"}"#, #"{"bytes": ""}"#, #"{"bytes": "gg"}"#, #"{"bytes": "00\n"}"#, #"{"bytes": [0]}"#,
            #"{"base": 4096, "size": 4096}"#, #"{"base": "0x0", "size": 0}"#, #"{"size": "0x1000"}"#,
        ]

    /// Each key of each object with this value.
    static func configurations(_ probe: String) -> [String] {
        var configurations = ["\(probe)"]
        for key in MachineConfiguration.Keys.section.keys.map(\.name) + FirecrackerKey.root.map(\.name) + ["unknown"] {
            configurations.append(#"{"\#(key)": \#(probe)}"#)
            if key != "boot-source" { configurations.append(#"{\#(plainBootSource), "\#(key)": \#(probe)}"#) }
        }
        for key in BootSource.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(#"{"boot-source": {"\#(key)": \#(probe)}}"#)
            if key != "kernel_image_path" { configurations.append(boot(#""\#(key)": \#(probe)"#)) }
        }
        for key in MachineConfig.Keys.section.keys.map(\.name) + FirecrackerKey.machineConfig.map(\.name) + ["unknown"]
        {
            configurations.append(machine(#""\#(key)": \#(probe)"#))
        }
        for key in PlatformDevice.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(device(#""\#(key)": \#(probe)"#))
            if key != "host" { configurations.append(device(#""host": "x", "\#(key)": \#(probe)"#)) }
            if key != "sysfsdev" { configurations.append(device(#""sysfsdev": "/x", "\#(key)": \#(probe)"#)) }
        }
        for key in Drive.Keys.section.keys.map(\.name) + FirecrackerKey.drive.map(\.name) + ["unknown"] {
            let others = [#""drive_id": "a""#, #""path_on_host": "b""#].filter { !$0.contains(key) }
            let members = (others + [#""\#(key)": \#(probe)"#]).joined(separator: ", ")
            configurations.append(#"{\#(plainBootSource), "drives": [{\#(members)}]}"#)
        }
        for key in EntropySource.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(#"{\#(plainBootSource), "entropy": {"\#(key)": \#(probe)}}"#)
        }
        for key in RateLimits.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(#"{\#(plainBootSource), "entropy": {"rate_limiter": {"\#(key)": \#(probe)}}}"#)
        }
        for key in RateLimits.Bucket.Keys.section.keys.map(\.name) + ["unknown"] {
            let others = [#""size": 1"#, #""refill_time": 1"#].filter { !$0.contains("\"\(key)\"") }
            let members = (others + [#""\#(key)": \#(probe)"#]).joined(separator: ", ")
            configurations.append(#"{\#(plainBootSource), "entropy": {"rate_limiter": {"ops": {\#(members)}}}}"#)
        }
        for key in EndOfInterrupt.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(device(#""host": "x", "eoi": {"\#(key)": \#(probe)}"#))
            if key != "offset" {
                configurations.append(device(#""host": "x", "eoi": {"offset": 0, "\#(key)": \#(probe)}"#))
            }
        }
        for key in ResetStep.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(device(#""host": "x", "reset": [{"\#(key)": \#(probe)}]"#))
            configurations.append(device(#""host": "x", "reset": [{"step": "delay", "delay_ms": 1}, \#(probe)]"#))
        }
        for (key, others) in resetKeys {
            configurations.append(device(#""host": "x", "reset": [{"\#(key)": \#(probe), \#(others)}]"#))
        }
        for key in MachineConfig.Window.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(machine(#""platform_bus": {"\#(key)": \#(probe)}"#))
            configurations.append(machine(#""platform_bus": {"base": 4096, "size": 4096, "x\#(key)": \#(probe)}"#))
        }
        configurations.append(machine(#""platform_bus": {"base": \#(probe), "size": 4096}"#))
        configurations.append(machine(#""platform_bus": {"base": 4096, "size": \#(probe)}"#))
        for key in DeviceTreeSettings.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(device(#""host": "x", "device_tree": {"\#(key)": \#(probe)}"#))
        }
        configurations.append(device(#""host": "x", "device_tree": {"properties": {"a": \#(probe)}}"#))
        configurations.append(device(#""host": "x", "device_tree": {"delete": ["a", \#(probe)]}"#))
        configurations.append(device(#""host": "x", "device_tree": {"clocks": {"a": \#(probe)}}"#))
        if probe.hasPrefix("\"") {
            configurations.append(device(#""host": "x", "device_tree": {"properties": {\#(probe): true}}"#))
            configurations.append(device(#""host": "x", "device_tree": {"clocks": {\#(probe): 1}}"#))
        }
        for key in DeviceTreeFiles.Keys.section.keys.map(\.name) + ["unknown"] {
            configurations.append(#"{\#(plainBootSource), "device-tree": {"\#(key)": \#(probe)}}"#)
        }
        configurations.append(#"{\#(plainBootSource), "device-tree": {"overlays": [\#(probe)]}}"#)
        return configurations
    }

    /// Keys of a step, each with others with which any value that its type allows is right, but for bits and alignment.
    private static let resetKeys = [
        ("region", #""step": "poll", "offset": 0"#), ("width", #""step": "poll", "offset": 0"#),
        ("timeout_ms", #""step": "poll", "offset": 0"#), ("value", #""step": "poll", "offset": 0, "width": 8"#),
        ("delay_ms", #""step": "delay""#),
    ]

    /// What the decoder refuses, and the schema can't.
    static let beyond = [
        // The schema's description says so of each.
        device(#""host": "a"}, {"host": "a""#), machine(#""vcpu_count": 2.0"#), machine(#""vcpu_count": 1e1"#),
        boot(#""boot_args": "\#(String(repeating: "é", count: 1024))""#),
        device(#""host": "a", "require_reset": true, "reset": "none""#),
        reset(#"{"step": "delay", "delay_ms": 1, "offset": 4}"#),
        reset(#"{"step": "write", "offset": 4}"#), reset(#"{"step": "write", "value": 4}"#),
        reset(#"{"step": "set", "offset": 4}"#), reset(#"{"step": "clear", "mask": 4}"#),
        reset(#"{"step": "set", "offset": 4, "mask": 1, "value": 1}"#), reset(#"{"step": "poll"}"#),
        reset(#"{"step": "poll", "offset": 2}"#), reset(#"{"step": "poll", "offset": 6, "width": 8}"#),
        reset(#"{"step": "poll", "offset": 0, "width": 1, "mask": "0x100"}"#),
        reset(#"{"step": "set", "offset": 0, "mask": 0}"#),
        reset(#"{"step": "write", "offset": 0, "value": 4294967296}"#),
        reset(#"{"step": "poll", "offset": 0, "value": 2, "mask": 1}"#),
        reset(
            #"{"step": "delay", "delay_ms": 5000}, {"step": "poll", "offset": 0, "timeout_ms": 5000}, "#
                + #"{"step": "delay", "delay_ms": 1}"#),
        drives(#"{"drive_id": "a", "path_on_host": "b"}, {"drive_id": "a", "path_on_host": "c"}"#),
        drives(
            #"{"drive_id": "a", "path_on_host": "b", "is_root_device": true}, "#
                + #"{"drive_id": "c", "path_on_host": "d", "is_root_device": true}"#),
        #"{"boot-source": {"kernel_image_path": "a", "boot_args": "\#(String(repeating: "n", count: 2031))"}, "#
            + #""drives": [{"drive_id": "a", "path_on_host": "b", "is_root_device": true}]}"#,
        device(#""host": "a", "irqfd": false, "interrupts": "relay""#),
        device(#""host": "a", "interrupts": "irqfd", "storm_limit": 1"#),
        device(#""host": "a", "label": "x"}, {"host": "b", "label": "x""#),
        device(#""host": "a", "device_tree": {"properties": {"x": true}, "delete": ["x"]}"#),
        machine(#""platform_bus": {"base": 4096.0, "size": 4096}"#),
        machine(#""huge_pages": "2M", "mem_size_mib": 129"#), machine(#""huge_pages": "1G", "mem_size_mib": 128"#),
        machine(#""cpus": "0-1,1-2""#), machine(#""cpus": [0, 0]"#), machine(#""cpus": "3-2""#),
        machine(#""cpus": "0-2", "vcpu_count": 4"#),
        machine(#""huge_pages": "2M", "dma_heap": "a""#), identity(#""ram_base": 4194304"#),
        identity(#""huge_pages": "None""#),
        device(#""host": "a", "vfio_fd": 3}, {"host": "b", "vfio_fd": 3"#),
        #"{\#(plainBootSource), "iommufd_fd": 3, "platform-devices": [{"host": "a", "vfio_fd": 3}]}"#,
        #"{\#(plainBootSource), "vfio": "group", "iommufd_fd": 3}"#,
        #"{\#(plainBootSource), "vfio": "cdev", "peer_to_peer": true}"#,
        #"{\#(plainBootSource), "iommufd_fd": 3, "peer_to_peer": true}"#,
        #"{\#(plainBootSource), "peer_to_peer": true, "platform-devices": [{"host": "a", "vfio_fd": 3}]}"#,
        #"{\#(plainBootSource), "vfio": "group", "platform-devices": [{"host": "a", "vfio_fd": 3}]}"#,
    ]

    /// What `dma` "identity" takes.
    static let identities = [
        identity(""), identity(#""huge_pages": "2M""#), identity(#""dma_heap": "linux,cma""#),
        identity(#""huge_pages": "None", "dma_heap": "linux,cma""#),
        identity(#""huge_pages": "1G", "mem_size_mib": 2048"#),
    ]

    private static func drives(_ drives: String) -> String { #"{\#(plainBootSource), "drives": [\#(drives)]}"# }

    private static func reset(_ steps: String) -> String { device(#""host": "a", "reset": [\#(steps)]"#) }

    private static func identity(_ size: String) -> String {
        #"{\#(plainBootSource), "machine-config": {\#(size)}, "platform-devices": "#
            + #"[{"host": "a", "dma": "identity", "allow_unsafe_dma": true}]}"#
    }
}
