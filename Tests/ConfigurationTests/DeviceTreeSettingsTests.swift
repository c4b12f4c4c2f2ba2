// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Testing

@testable import Configuration

struct DeviceTreeSettingsTests {
    private func settings(_ keys: String) throws -> DeviceTreeSettings {
        try #require(try decode(device(#""host": "a", "device_tree": {\#(keys)}"#)).platformDevices.first).deviceTree
    }

    private static let allowedValue = KeyShape.property.allowed

    @Test func `every key is read`() throws {
        let configuration = try decode(
            #"""
            {
              "boot-source": {"kernel_image_path": "Image"},
              "machine-config": {
                "ram_base": "0x40000000", "platform_bus": {"base": 201326592, "size": "0x1000000"}
              },
              "platform-devices": [{
                "host": "a", "label": "eth0", "guest_address": ["host", "auto", "0x30000000"],
                "device_tree": {
                  "properties": {"b": true, "a": 1}, "delete": ["dmas", "mdio/phy@1"], "clocks": {"apb_pclk": 24000000},
                  "overlay": "eth.dtbo", "strict": true
                }
              }],
              "device-tree": {"overlays": ["b.dtbo", "/a.dtso"], "base": "board.dtb"}
            }
            """#, folder: "configs")

        #expect(configuration.machineSize.ramBase == 0x4000_0000)
        #expect(configuration.machineSize.platformBus == .init(base: 0xC00_0000, size: 0x100_0000))
        let device = try #require(configuration.platformDevices.first)
        #expect(device.label == "eth0")
        #expect(device.guestAddress == .init([.host, .automatic, .fixed(0x3000_0000)]))
        #expect(
            device.deviceTree
                == DeviceTreeSettings(
                    properties: [.init("b", .empty), .init("a", .cells([.number(1)]))],
                    deletions: ["dmas", "mdio/phy@1"], clocks: ["apb_pclk": 24_000_000], overlay: "configs/eth.dtbo",
                    isStrict: true))
        #expect(configuration.deviceTree == .init(overlays: ["configs/b.dtbo", "/a.dtso"], base: "configs/board.dtb"))
    }

    @Test func `a rate for all clocks that nobody knows`() throws {
        let clocks = try settings(#""clocks": {"*": 24000000, "core": 1}"#).clocks
        #expect(clocks == ["*": 24_000_000, "core": 1])
    }

    @Test(
        arguments: [
            ("true", .empty), (#""okay""#, .strings(["okay"])), (#""""#, .strings([""])),
            (#"["a", ""]"#, .strings(["a", ""])), ("0", .cells([.number(0)])),
            ("[1, 4294967295]", .cells([.number(1), .number(.max)])),
            (#"{"phandle": "gic"}"#, .cells([.reference("gic")])),
            (#"[{"phandle": "gic"}, 0, 7]"#, .cells([.reference("gic"), .number(0), .number(7)])),
            (#"{"u64": "0x123456789"}"#, .numbers64([0x1_2345_6789])),
            (#"{"u64": [1, "0xffffffffffffffff"]}"#, .numbers64([1, .max])),
            (#"{"bytes": "00 1fA0 "}"#, .bytes([0, 0x1F, 0xA0])),
        ] as [(String, DeviceTreeProperty.Value)])
    func `shapes of a property's value`(json: String, value: DeviceTreeProperty.Value) throws {
        #expect(try settings(#""properties": {"x,y": \#(json)}"#).properties == [.init("x,y", value)])
    }

    @Test(arguments: [
        ("false", "false"), ("null", "null"), ("-1", "-1"), ("4294967296", "4294967296"), ("1.0", "1.0"),
        ("[]", "an array"), (#"[1, "a"]"#, "an array"), ("[[1]]", "an array"), ("[true]", "an array"),
        (#"{"phandle": "a b"}"#, "an object"), (#"{"u64": []}"#, "an object"), (#"{"bytes": "0"}"#, "an object"),
        (#"{"bytes": "0 0"}"#, "an object"), (#"{"u32": 1}"#, "an object"), ("{}", "an object"),
        (#"{"u64": 1, "u64": 2}"#, "an object"), (#""a\u0000b""#, #""a\u{0}b""#),
    ])
    func `what is no property's value`(json: String, shown: String) {
        #expect(
            problemsOf(device(#""host": "a", "device_tree": {"properties": {"x": \#(json)}}"#)) == [
                "platform-devices[0].device_tree.properties.x: found \(shown); allowed: \(Self.allowedValue)"
            ])
    }

    @Test func `all problems of a device's tree come at once`() {
        let json = device(
            #"""
            "host": "a", "label": "9", "guest_address": [1], "device_tree": {
              "properties": {"phandle": 1, "a b": 1, "x": 1, "x": 1, "#y": null},
              "delete": ["", "a/", 7, "x"], "clocks": {"a": 0, "": 1, "b": 4294967296, "c": "1"}, "overlay": "",
              "strict": 1, "overlays": []
            }
            """#)
        let path = "platform-devices[0].device_tree"
        let part = TextRule.nodePart.allowed
        #expect(
            problemsOf(json).sorted()
                == [
                    "platform-devices[0].label: found \"9\"; allowed: \(TextRule.deviceLabel.allowed)",
                    "platform-devices[0].guest_address: found an array; allowed: \(ProblemTests.address)",
                    "\(path).properties.phandle: found the name \"phandle\"; allowed: \(TextRule.propertyName.allowed)",
                    "\(path).properties[\"a b\"]: found the name \"a b\"; allowed: \(TextRule.propertyName.allowed)",
                    "\(path).properties.x: found the key a second time; allowed: each key once",
                    "\(path).properties[\"#y\"]: found null; allowed: \(Self.allowedValue)",
                    "\(path).delete[0]: found \"\"; allowed: \(part)",
                    "\(path).delete[1]: found \"a/\"; allowed: \(part)",
                    "\(path).delete[2]: found 7; allowed: \(part)",
                    "\(path).delete: found \"x\", which properties sets; allowed: each name in one of the two: "
                        + "properties already replaces the host's value",
                    "\(path).clocks.a: found 0; allowed: a whole number from 1 to 4294967295",
                    "\(path).clocks[\"\"]: found the name \"\"; allowed: \(TextRule.clockName.allowed)",
                    "\(path).clocks.b: found 4294967296; allowed: a whole number from 1 to 4294967295",
                    "\(path).clocks.c: found \"1\"; allowed: a whole number from 1 to 4294967295",
                    "\(path).overlay: found \"\"; allowed: \(TextRule.path.allowed)",
                    "\(path).strict: found 1; allowed: true or false",
                    "\(path).overlays: found an unknown key; allowed: properties, delete, clocks, overlay, strict, syscon; did you mean "
                        + "\"overlay\"?",
                ].sorted())
    }

    @Test func `a label that two devices have names the first`() {
        #expect(
            problemsOf(device(#""host": "a", "label": "x"}, {"host": "b", "label": "y"}, {"host": "c", "label": "x""#))
                == [
                    #"platform-devices[2].label: found "x", which platform-devices[0] has already; allowed: each label once"#
                ])
    }

    @Test(arguments: ["gic", "serial", "rtc", "platform_bus", "device", "a-b", "a.b", "", "é"])
    func `what is no device's label`(label: String) {
        #expect(
            problemsOf(device(#""host": "a", "label": "\#(label)""#)) == [
                "platform-devices[0].label: found \"\(label)\"; allowed: \(TextRule.deviceLabel.allowed)"
            ])
    }

    // MARK: Addresses of the machine

    @Test(arguments: ["1", "4096", "1048576", #""0x80100000""#, "true", #""host""#, "4503599627370496", "-2097152"])
    func `what is no ram_base`(value: String) {
        #expect(
            problemsOf(machine(#""ram_base": \#(value)"#)) == [
                "machine-config.ram_base: found \(value); allowed: a multiple of 2097152 below 2^52, as a number or a string "
                    + #""0x…""#
            ])
    }

    @Test func `a platform_bus needs both its numbers`() {
        #expect(
            problemsOf(machine(#""platform_bus": {"size": 0, "end": 1}"#)) == [
                "machine-config.platform_bus.base: found nothing; allowed: a multiple of 4096 below 2^52, as a number or a "
                    + #"string "0x…" (this key is required)"#,
                "machine-config.platform_bus.size: found 0; allowed: a multiple of 4096 from 4096 up, below 2^52, as a number "
                    + #"or a string "0x…""#,
                "machine-config.platform_bus.end: found an unknown key; allowed: base, size",
            ])
    }
}
