// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Testing

@testable import Configuration

/// `null`, `[]`, `{}` and `false` mean the same as no key.
struct EmptyValueTests {
    static let values = ["null", "[]", "{}", "false"]

    /// The names of the optional keys, without those to which `value` is one of their own.
    private func names(_ keys: [KeyDescription], emptyBy value: String) -> [String] {
        keys.filter { key in
            if case .boolean = key.shape, value == "false" { return false }
            if case .device = key.shape, value == "{}" { return false }
            return !key.isRequired
        }.map(\.name)
    }

    /// The optional keys among `keys` but `left`, all of them empty.
    private func members(_ keys: [KeyDescription], _ value: String, but left: Set<String> = []) -> String {
        names(keys, emptyBy: value).filter { !left.contains($0) }.map { #""\#($0)": \#(value)"# }
            .joined(separator: ", ")
    }

    @Test(arguments: values)
    func `every optional key may be empty, which is as good as absent`(value: String) throws {
        let parts: Set = ["machine-config", "platform-devices", "device-tree"]
        let written = try decode(
            #"""
            {"boot-source": {"kernel_image_path": "/Image", \#(members(BootSource.Keys.section.keys, value))},
             \#(members(MachineConfiguration.Keys.section.keys, value, but: parts)),
             "machine-config": {\#(members(MachineConfig.Keys.section.keys, value))},
             "device-tree": {\#(members(DeviceTreeFiles.Keys.section.keys, value))},
             "platform-devices": [
               {"host": "a", \#(members(PlatformDevice.Keys.section.keys, value, but: ["host"]))},
               {"host": "b", "eoi": {"offset": 1, \#(members(EndOfInterrupt.Keys.section.keys, value))},
                "device_tree": {"strict": true, \#(members(DeviceTreeSettings.Keys.section.keys, value, but: ["strict"]))}}
             ]}
            """#)
        let first = PlatformDevice(identity: .host("a"))
        let second = PlatformDevice(
            identity: .host("b"), endOfInterrupt: .init(offset: 1), deviceTree: .init(isStrict: true))
        #expect(
            written
                == MachineConfiguration(
                    bootSource: BootSource(kernelImagePath: "/Image"), platformDevices: [first, second]))
    }

    @Test(arguments: values)
    func `an object or an array may be empty as a whole`(value: String) throws {
        let parts = ["machine-config", "platform-devices", "device-tree"].map { #", "\#($0)": \#(value)"# }.joined()
        #expect(
            try decode("{\(plainBootSource)\(parts)}")
                == MachineConfiguration(bootSource: BootSource(kernelImagePath: "/Image")))
        #expect(try decode(machine(#""platform_bus": \#(value)"#)).machineSize == MachineConfig())
    }

    @Test func `false is the value of a key that takes true or false`() throws {
        let interrupts = try decode(device(#""host": "a", "irqfd": false"#)).platformDevices.map(\.interrupts)
        #expect(interrupts == [.eventfd])
        let absent = try decode(device(#""host": "a", "irqfd": null"#)).platformDevices.map(\.interrupts)
        #expect(absent == [nil])
    }

    @Test(arguments: values)
    func `a required key may not be empty`(value: String) {
        let shown = ["null": "null", "[]": "an array", "{}": "an object", "false": "false"][value] ?? ""
        #expect(
            problemsOf(#"{"boot-source": {"kernel_image_path": \#(value)}}"#) == [
                "boot-source.kernel_image_path: found \(shown); allowed: a path of 1 to 4095 bytes without NUL"
            ])
        #expect(problemsOf(#"{"boot-source": \#(value)}"#).count == 1)
        #expect(problemsOf(machine(#""platform_bus": {"base": \#(value), "size": 4096}"#)).count == 1)
    }

    @Test(arguments: values)
    func `a device whose names are empty has none`(value: String) {
        #expect(
            problemsOf(device(#""host": \#(value), "sysfsdev": \#(value)"#)) == [
                "platform-devices[0]: found neither host nor sysfsdev; allowed: one of them, to name the device"
            ])
    }

    @Test(arguments: values)
    func `elements and names that the user makes up are no keys`(value: String) {
        #expect(problemsOf(#"{\#(plainBootSource), "platform-devices": [\#(value)]}"#).count == 1)
        #expect(problemsOf(#"{\#(plainBootSource), "device-tree": {"overlays": [\#(value)]}}"#).count == 1)
        for map in ["properties", "clocks"] {
            #expect(problemsOf(device(#""host": "a", "device_tree": {"\#(map)": {"a": \#(value)}}"#)).count == 1)
        }
    }

    @Test func `an empty key is still a key`() {
        #expect(
            problemsOf(machine(#""ram_base": null, "ram_base": 2097152"#))
                == ["machine-config.ram_base: found the key a second time; allowed: each key once"])
        #expect(problemsOf(machine(#""ram_bsae": null"#)).count == 1)
    }
}
