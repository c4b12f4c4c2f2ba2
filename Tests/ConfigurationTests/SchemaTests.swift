// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceOptions
import Testing

@testable import Configuration

/// configs/schema.json and the decoder say the same. What the schema takes is tested in `SchemaVerdictTests`.
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
        try compare(schema, with: MachineConfiguration.Keys.section, path: "")
    }

    private func compare(_ schema: JSONNode, with section: Section, path: String) throws {
        let keys = section.keys
        #expect(try schema.member("additionalProperties")?.value == .boolean(false), "\(path)")
        let properties = try #require(try schema.member("properties"), "\(path)").members()
        // Firecracker's keys that Martlet lacks stand behind its own.
        let lacking = section.lacking.map(\.name)
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
            expected["default"] = fallback().map { .string($0) }
            expected["enum"] = try #require(try property.member("enum"), "\(path)").value
            let values = try property.member("enum")?.elements().map { $0.value.shown }
            let empty = key.isRequired ? [] : ["null", "false", "an array", "an object"]
            #expect(values == words().map { "\"\($0)\"" } + empty, "\(path)")
        case .numberAmong(let numbers, let fallback):
            expected["default"] = .number("\(fallback)")
            expected["enum"] = try #require(try property.member("enum"), "\(path)").value
            let values = try property.member("enum")?.elements().map { $0.value.shown }
            #expect(values?.prefix(numbers().count).elementsEqual(numbers().map { "\($0)" }) == true, "\(path)")
        case .choiceOrObjects(let words, let fallback, let limit, let section):
            #expect(try property.member("default")?.string() == fallback(), "\(path)")
            let choices = try #require(try property.member("anyOf"), "\(path)").elements()
            let values = try choices.compactMap { try $0.member("enum") }.flatMap { try $0.elements() }
            #expect(try values.map { try $0.string() } == words(), "\(path)")
            let array = try #require(try choices.first { try $0.member("items") != nil }, "\(path)")
            #expect(try array.member("maxItems")?.value == .number("\(limit)"), "\(path)")
            return try compare(try #require(try array.member("items")), with: section(), path: path + "[]")
        case .text(let rule):
            expected = ["maxLength": .number("\(rule.maximumByteCount)")].merging(type("string")) { $1 }
            if !rule.accepts("") { expected["minLength"] = .number("1") }
            // What it says is compared by what it accepts, below.
            expected["pattern"] = try #require(try property.member("pattern"), "\(path)").value
        case .descriptor:
            expected = ["minimum": .number("3"), "maximum": .number("\(KeyShape.lastDescriptor)")]
                .merging(type("integer")) { $1 }
        case .placement, .address, .property, .cpuList, .number64:
            expected["anyOf"] = try #require(try property.member("anyOf"), "\(path)").value
        case .object(let section), .device(let section):
            for (keyword, value) in type("object") { #expect(try property.member(keyword)?.value == value, "\(path)") }
            return try compare(property, with: section(), path: path)
        case .objects(let section):
            for (keyword, value) in type("array") { #expect(try property.member(keyword)?.value == value, "\(path)") }
            let items = try #require(try property.member("items"), "\(path)")
            #expect(try items.member("type")?.string() == "object", "\(path)")
            return try compare(items, with: section(), path: path + "[]")
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
            try property.members().filter { $0.0 != "description" && $0.0 != "examples" }.map { ($0.0, $0.1.value) },
            uniquingKeysWith: { $1 })
        #expect(found == expected, "\(path)")
    }

    @Test func `a default is what an absent key means`() throws {
        // The other direction of the defaults above: each default, written out, changes nothing.
        let written = try decode(
            #"""
            {"boot-source": {"kernel_image_path": "/Image"},
             "machine-config": {\#(try defaults(of: MachineConfig.Keys.section.keys))},
             "platform-devices": [{"host": "a", \#(try defaults(of: PlatformDevice.Keys.section.keys)),
                 "device_tree": {\#(try defaults(of: DeviceTreeSettings.Keys.section.keys))}}],
             "device-tree": {\#(try defaults(of: DeviceTreeFiles.Keys.section.keys))}}
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
            case .choice(_, let fallback): fallback().map { #""\#(key.name)": "\#($0)""# }
            case .map: #""\#(key.name)": {}"#
            case .list: #""\#(key.name)": []"#
            default: nil
            }
        }
        try #require(!members.isEmpty)
        return members.joined(separator: ", ")
    }

    // MARK: Beyond the schema

    @Test func `what the decoder refuses beyond the schema`() {
        for json in SchemaCases.beyond { #expect(errorOf(json)?.problems.count == 1, "\(json)") }
    }

    @Test func `what identity takes`() {
        for json in SchemaCases.identities { #expect(errorOf(json) == nil, "\(json)") }
        #expect(
            problemsOf(device(#""host": "a", "dma": "identity", "allow_unsafe_dma": false"#)) == [
                #"platform-devices[0].dma: found "identity" without allow_unsafe_dma; allowed: it with allow_unsafe_dma true: "#
                    + "no IOMMU confines the device, so that it, and with it the guest, can read and overwrite all memory of "
                    + "the host, its kernel and other guests included"
            ])
    }

    // MARK: Examples

    @Test func `every example decodes`() throws {
        let examples = try exampleFiles().filter { $0.key != "schema.json" }
        #expect(
            examples.keys.sorted() == [
                "boot-only.json", "pl031-overlay.json", "pl031-passthrough.json", "pl031-pl061.json",
                "pl031-trapped.json",
                "virtio-mmio.json",
            ])
        for name in examples.keys {
            #expect(throws: Never.self, "\(name)") { try MachineConfiguration(contentsOf: "\(configsFolder)/\(name)") }
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
                    machineSize: MachineConfig(vcpuCount: 1, memoryMebibytes: 128), platformDevices: [rtc]))
        #expect(try example("boot-only.json").machineSize.vcpuCount == 2)
        let overlay = try example("pl031-overlay.json")
        #expect(
            overlay.machineSize
                == MachineConfig(ramBase: 0x4000_0000, platformBus: .init(base: 0x2000_0000, size: 0x100_0000)))
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
