// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

/// configs/schema.json and the decoder say the same.
struct SchemaTests {
    private let schema: JSONNode

    init() throws {
        let text = try #require(try exampleFiles()["schema.json"])
        schema = try JSONParser.parse(text)
    }

    // MARK: Key by key

    @Test func `the schema and the decoder have the same keys, types, ranges and defaults`() throws {
        #expect(try schema.member("$schema")?.string() == "https://json-schema.org/draft/2020-12/schema")
        #expect(try schema.member("type")?.string() == "object")
        try compare(schema, with: MachineConfiguration.Keys.all, path: "")
    }

    /// Firecracker's keys that Martlet lacks stand behind its own; what they take is compared by what is accepted, below.
    private func lacking(at path: String) -> [String] {
        switch path {
        case "": FirecrackerKey.root.map(\.name)
        case ".machine-config": FirecrackerKey.machineConfig.map(\.name)
        default: []
        }
    }

    private func compare(_ schema: JSONNode, with keys: [KeyDescription], path: String) throws {
        #expect(try schema.member("additionalProperties")?.value == .boolean(false), "\(path)")
        let properties = try #require(try schema.member("properties"), "\(path)").members()
        let lacking = lacking(at: path)
        #expect(properties.map(\.0) == keys.map(\.name) + lacking, "\(path)")
        // Where the object may be empty, "required" is one of two choices.
        let choice = try schema.member("anyOf")?.elements().last?.member("required")
        let required = try (schema.member("required") ?? (path.hasSuffix("[]") ? nil : choice))?.elements() ?? []
        #expect(try required.map { try $0.string() } == keys.filter(\.isRequired).map(\.name), "\(path)")
        for (name, property) in properties where !lacking.contains(name) {
            let key = try #require(keys.first { $0.name == name }, "\(path).\(name)")
            try compare(property, with: key, path: "\(path).\(name)")
        }
    }

    private func compare(_ property: JSONNode, with key: KeyDescription, path: String) throws {
        #expect(try property.member("description")?.string().isEmpty == false, "\(path)")
        /// What says the type: an optional key may be empty instead.
        func type(_ name: String) -> [String: JSONValue] {
            key.isRequired ? ["type": .string(name)] : ["$ref": .string("#/$defs/\(name)OrEmpty")]
        }
        var expected: [String: JSONValue] = [:]
        switch key.shape {
        case .boolean(let fallback):
            expected = type("boolean")
            expected["default"] = .boolean(fallback)
        case .integer(let range, let fallback):
            expected = [
                "minimum": .number("\(range.lowerBound)"),
                "maximum": .number("\(range.upperBound)"),
            ].merging(type("integer")) { $1 }
            if !key.isRequired { expected["default"] = .number("\(fallback)") }
        case .choice(let words, let fallback):
            expected["default"] = fallback.map { .string($0) }
            expected["enum"] = try #require(try property.member("enum"), "\(path)").value
            let values = try property.member("enum")?.elements().map { $0.value.shown }
            #expect(values == words.map { "\"\($0)\"" } + ["null", "false", "an array", "an object"], "\(path)")
        case .text(let rule):
            expected = ["maxLength": .number("\(rule.maximumByteCount)")].merging(type("string")) { $1 }
            if !rule.accepts("") { expected["minLength"] = .number("1") }
            // What it says is compared by what it accepts, below.
            expected["pattern"] = try #require(try property.member("pattern"), "\(path)").value
        case .descriptor:
            expected = ["minimum": .number("3"), "maximum": .number("\(KeyShape.lastDescriptor)")]
                .merging(type("integer")) { $1 }
        case .guestAddress, .address, .property:
            expected["anyOf"] = try #require(try property.member("anyOf"), "\(path)").value
        case .object(let keys):
            for (keyword, value) in type("object") { #expect(try property.member(keyword)?.value == value, "\(path)") }
            return try compare(property, with: keys(), path: path)
        case .objects(let keys):
            for (keyword, value) in type("array") { #expect(try property.member(keyword)?.value == value, "\(path)") }
            let items = try #require(try property.member("items"), "\(path)")
            #expect(try items.member("type")?.string() == "object", "\(path)")
            return try compare(items, with: keys(), path: path + "[]")
        case .map:
            // The names and values are compared by what is accepted, below.
            expected = type("object")
            for keyword in ["propertyNames", "additionalProperties"] {
                expected[keyword] = try #require(try property.member(keyword), "\(path)").value
            }
        case .list:
            expected = type("array")
            expected["items"] = try #require(try property.member("items"), "\(path)").value
        }
        let found = Dictionary(
            try property.members().filter { $0.0 != "description" }.map { ($0.0, $0.1.value) },
            uniquingKeysWith: { $1 })
        #expect(found == expected, "\(path)")
    }

    @Test func `a default is what an absent key means`() throws {
        // The other direction of the defaults above: each default, written out, changes nothing.
        let written = try decode(
            #"""
            {"boot-source": {"kernel_image_path": "/Image"},
             "machine-config": {\#(try defaults(of: MachineSize.Keys.all))},
             "platform-devices": [{"host": "a", \#(try defaults(of: PlatformDevice.Keys.all)),
                 "device_tree": {\#(try defaults(of: DeviceTreeSettings.Keys.all))}}],
             "device-tree": {\#(try defaults(of: DeviceTreeFiles.Keys.all))}}
            """#)
        #expect(try written == decode(device(#""host": "a""#)))
        #expect(
            written
                == MachineConfiguration(
                    bootSource: BootSource(kernelImagePath: "/Image"),
                    platformDevices: [PlatformDevice(identity: .host("a"))]))
    }

    private func defaults(of keys: [KeyDescription]) throws -> String {
        let members = keys.compactMap { key -> String? in
            switch key.shape {
            case .boolean(let fallback): #""\#(key.name)": \#(fallback)"#
            case .integer(_, let fallback): key.isRequired ? nil : #""\#(key.name)": \#(fallback)"#
            case .choice(_, let fallback): fallback.map { #""\#(key.name)": "\#($0)""# }
            case .map: #""\#(key.name)": {}"#
            case .list: #""\#(key.name)": []"#
            default: nil
            }
        }
        try #require(!members.isEmpty)
        return members.joined(separator: ", ")
    }

    // MARK: Verdict by verdict

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
            #""0x3f00000""#, "4294967295", "4294967296", #""gic""#, #""device""#, #""_x9""#, #""9x""#, #""a-b""#,
            #""phandle""#, #""linux,phandle""#, "\"#clock-cells\"", #""a@1""#, #""a/b@2/c""#, #""a//b""#, #""a b""#,
            #"["a"]"#, #"["", "b"]"#, #"["a\u0000"]"#, "[1, 2]", "[4294967296]", #"["host", "auto", 4096]"#,
            #"[1, "a"]"#, #"["0x1000", 4097]"#, #"["host", "Auto"]"#, "[[1]]",
            "[" + (0..<64).map { _ in #""auto""# }.joined(separator: ",") + "]",
            "[" + (0..<65).map { _ in #""auto""# }.joined(separator: ",") + "]",
            #"{"a": 1}"#, #"{"a": 0}"#, #"{"": 1}"#, #"{"phandle": 1}"#, #"{"phandle": "a"}"#, #"{"phandle": "9"}"#,
            #"{"phandle": "a", "x": 1}"#, #"[{"phandle": "a"}, 3]"#, #"[{"phandle": "a"}, "b"]"#,
            #"{"u64": 18446744073709551615}"#, #"{"u64": -1}"#, #"{"u64": "0xFFFFffffFFFFffff"}"#,
            #"{"u64": "0x10000000000000000"}"#, #"{"u64": [1, "0x2"]}"#, #"{"u64": []}"#, #"{"u64": ["a"]}"#,
            #"{"u64": 1, "bytes": "00"}"#, #"{"bytes": "00 1f"}"#, #"{"bytes": " 00 "}"#, #"{"bytes": "0"}"#,
            #"{"bytes": "0 0"}"#, #"{"bytes": ""}"#, #"{"bytes": "gg"}"#, #"{"bytes": "00\n"}"#, #"{"bytes": [0]}"#,
            #"{"base": 4096, "size": 4096}"#, #"{"base": "0x0", "size": 0}"#, #"{"size": "0x1000"}"#,
        ]

    /// Each key of each object with each probe: the schema takes the configuration exactly when the decoder does.
    @Test(arguments: probes)
    func `the schema and the decoder give the same verdict`(probe: String) throws {
        var configurations = ["\(probe)"]
        for key in MachineConfiguration.Keys.all.map(\.name) + FirecrackerKey.root.map(\.name) + ["unknown"] {
            configurations.append(#"{"\#(key)": \#(probe)}"#)
            if key != "boot-source" { configurations.append(#"{\#(plainBootSource), "\#(key)": \#(probe)}"#) }
        }
        for key in BootSource.Keys.all.map(\.name) + ["unknown"] {
            configurations.append(#"{"boot-source": {"\#(key)": \#(probe)}}"#)
            if key != "kernel_image_path" { configurations.append(boot(#""\#(key)": \#(probe)"#)) }
        }
        for key in MachineSize.Keys.all.map(\.name) + FirecrackerKey.machineConfig.map(\.name) + ["unknown"] {
            configurations.append(machine(#""\#(key)": \#(probe)"#))
        }
        for key in PlatformDevice.Keys.all.map(\.name) + ["unknown"] {
            configurations.append(device(#""\#(key)": \#(probe)"#))
            if key != "host" { configurations.append(device(#""host": "x", "\#(key)": \#(probe)"#)) }
            if key != "sysfsdev" { configurations.append(device(#""sysfsdev": "/x", "\#(key)": \#(probe)"#)) }
        }
        for key in PlatformDevice.EndOfInterrupt.Keys.all.map(\.name) + ["unknown"] {
            configurations.append(device(#""host": "x", "eoi": {"\#(key)": \#(probe)}"#))
            if key != "offset" {
                configurations.append(device(#""host": "x", "eoi": {"offset": 0, "\#(key)": \#(probe)}"#))
            }
        }
        for key in MachineSize.Window.Keys.all.map(\.name) + ["unknown"] {
            configurations.append(machine(#""platform_bus": {"\#(key)": \#(probe)}"#))
            configurations.append(machine(#""platform_bus": {"base": 4096, "size": 4096, "x\#(key)": \#(probe)}"#))
        }
        configurations.append(machine(#""platform_bus": {"base": \#(probe), "size": 4096}"#))
        configurations.append(machine(#""platform_bus": {"base": 4096, "size": \#(probe)}"#))
        for key in DeviceTreeSettings.Keys.all.map(\.name) + ["unknown"] {
            configurations.append(device(#""host": "x", "device_tree": {"\#(key)": \#(probe)}"#))
        }
        configurations.append(device(#""host": "x", "device_tree": {"properties": {"a": \#(probe)}}"#))
        configurations.append(device(#""host": "x", "device_tree": {"delete": ["a", \#(probe)]}"#))
        configurations.append(device(#""host": "x", "device_tree": {"clocks": {"a": \#(probe)}}"#))
        if probe.hasPrefix("\"") {
            configurations.append(device(#""host": "x", "device_tree": {"properties": {\#(probe): true}}"#))
            configurations.append(device(#""host": "x", "device_tree": {"clocks": {\#(probe): 1}}"#))
        }
        for key in DeviceTreeFiles.Keys.all.map(\.name) + ["unknown"] {
            configurations.append(#"{\#(plainBootSource), "device-tree": {"\#(key)": \#(probe)}}"#)
        }
        configurations.append(#"{\#(plainBootSource), "device-tree": {"overlays": [\#(probe)]}}"#)
        for json in configurations {
            let conforms = try SchemaChecker.conforms(try JSONParser.parse(Array(json.utf8)), to: schema)
            let error = errorOf(json)
            #expect(conforms == (error == nil), "\(json): \(error?.description ?? "decodes")")
        }
    }

    @Test func `what the decoder refuses beyond the schema`() throws {
        let beyond = [
            // The schema's description says so of each.
            device(#""host": "a"}, {"host": "a""#), machine(#""vcpu_count": 2.0"#), machine(#""vcpu_count": 1e1"#),
            boot(#""boot_args": "\#(String(repeating: "é", count: 1024))""#),
            device(#""host": "a", "irqfd": false, "interrupts": "relay""#),
            device(#""host": "a", "interrupts": "irqfd", "storm_limit": 1"#),
            device(#""host": "a", "label": "x"}, {"host": "b", "label": "x""#),
            device(#""host": "a", "device_tree": {"properties": {"x": true}, "delete": ["x"]}"#),
            machine(#""platform_bus": {"base": 4096.0, "size": 4096}"#),
            machine(#""huge_pages": "2M", "mem_size_mib": 129"#), machine(#""huge_pages": "1G", "mem_size_mib": 128"#),
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
        for json in beyond {
            #expect(try SchemaChecker.conforms(try JSONParser.parse(Array(json.utf8)), to: schema), "\(json)")
            #expect(errorOf(json)?.problems.count == 1, "\(json)")
        }
    }

    private func identity(_ size: String) -> String {
        #"{\#(plainBootSource), "machine-config": {\#(size)}, "platform-devices": "#
            + #"[{"host": "a", "dma": "identity", "allow_unsafe_dma": true}]}"#
    }

    @Test func `what identity takes`() throws {
        let accepted = [
            identity(""), identity(#""huge_pages": "2M""#), identity(#""dma_heap": "linux,cma""#),
            identity(#""huge_pages": "None", "dma_heap": "linux,cma""#),
            identity(#""huge_pages": "1G", "mem_size_mib": 2048"#),
        ]
        for json in accepted {
            #expect(try SchemaChecker.conforms(try JSONParser.parse(Array(json.utf8)), to: schema), "\(json)")
            #expect(errorOf(json) == nil, "\(json)")
        }
        #expect(
            problemsOf(device(#""host": "a", "dma": "identity", "allow_unsafe_dma": false"#)) == [
                #"platform-devices[0].dma: found "identity" without allow_unsafe_dma; allowed: it with allow_unsafe_dma true: "#
                    + "no IOMMU confines the device, so that it, and with it the guest, can read and overwrite all memory of "
                    + "the host, its kernel and other guests included"
            ])
    }

    @Test func `the checker refuses a keyword that it doesn't know`() throws {
        let schema = try JSONParser.parse(Array(#"{"exclusiveMinimum": 1}"#.utf8))
        #expect(throws: SchemaChecker.UnknownKeyword.self) {
            try SchemaChecker.conforms(JSONNode(value: .number("1"), offset: 0), to: schema)
        }
    }

    // MARK: Examples

    @Test func `every example decodes and conforms`() throws {
        let examples = try exampleFiles().filter { $0.key != "schema.json" }
        #expect(
            examples.keys.sorted() == [
                "boot-only.json", "pl031-overlay.json", "pl031-passthrough.json", "pl031-pl061.json",
                "pl031-trapped.json",
                "virtio-mmio.json",
            ])
        for (name, text) in examples {
            #expect(throws: Never.self, "\(name)") { try MachineConfiguration(contentsOf: "\(configsFolder)/\(name)") }
            #expect(try SchemaChecker.conforms(try JSONParser.parse(text), to: schema), "\(name)")
        }
    }

    @Test func `what the examples say`() throws {
        func example(_ name: String) throws -> MachineConfiguration {
            try MachineConfiguration(json: try #require(try exampleFiles()[name]), folder: "configs")
        }
        let rtc = PlatformDevice(identity: .host("9010000.pl031"))
        let passthrough = try example("pl031-passthrough.json")

        #expect(
            passthrough
                == MachineConfiguration(
                    bootSource: BootSource(
                        kernelImagePath: "configs/../guest-images/build/Image",
                        initrdPath: "configs/../guest-images/build/initramfs.cpio.gz",
                        bootArguments: "console=ttyS0 quiet panic=-1 martlet.role=guest "
                            + "martlet.run=/martlet/rtc.sh martlet.alarms=3"),
                    machineSize: MachineSize(vcpuCount: 1, memoryMebibytes: 128), platformDevices: [rtc]))
        #expect(try example("boot-only.json").machineSize.vcpuCount == 2)
        let overlay = try example("pl031-overlay.json")
        #expect(
            overlay.machineSize
                == MachineSize(ramBase: 0x4000_0000, platformBus: .init(base: 0x2000_0000, size: 0x100_0000)))
        #expect(
            overlay.platformDevices == [
                PlatformDevice(
                    identity: .host("9010000.pl031"), guestAddress: .fixed(0x3000_0000), label: "rtc0",
                    deviceTree: .init(properties: [.init("martlet,answer", .cells([.number(42)]))]))
            ])
        #expect(overlay.deviceTree == .init(overlays: ["configs/overlays/rtc.dtbo"]))
        #expect(try example("boot-only.json").platformDevices.isEmpty)
        #expect(
            try example("pl031-trapped.json").platformDevices
                == [PlatformDevice(identity: .host("9010000.pl031"), noMmap: true)])
        #expect(
            try example("pl031-pl061.json").platformDevices
                == [rtc, PlatformDevice(identity: .host("9030000.pl061"))])
        var transport = PlatformDevice(identity: .host("a003e00.virtio_mmio"))
        transport.dma = .none
        #expect(try example("virtio-mmio.json").platformDevices == [transport])
    }
}
