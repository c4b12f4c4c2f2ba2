// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Configuration
import DeviceTree
import KernelFakes
import LinuxSystem
import Testing

@testable import HostDevices
@testable import Machine

/// A device whose driver wants a register block that others of the host's drivers use as well.
@Suite struct RegisterCopyTests {
    private let host = FakeHost()
    private var kernel: FakeKernel { host.kernel }
    private static let folder = "/sys/firmware/devicetree/base/grf@2000"
    private static let file = "regmap/dummy-grf@0x0000000000002000/registers"

    init() {
        host.add("1000.net", properties: ["compatible": .string("test,net"), "rockchip,grf": .cell(5)])
        let properties: KeyValuePairs<String, PropertyValue> = [
            "compatible": .strings(["test,grf", "syscon", "simple-mfd"]), "reg": .cells64([0x2000, 0x10]),
            "phandle": .cell(5), "reg-io-width": .cell(4),
        ]
        kernel.withState { state in
            for (name, value) in properties { state.files["\(Self.folder)/\(name)"] = value.bytes }
            state.files["/sys/firmware/devicetree/base/#address-cells"] = PropertyValue.cell(2).bytes
            state.files["/sys/firmware/devicetree/base/#size-cells"] = PropertyValue.cell(2).bytes
        }
        setRegisters("0: 00000001\n4: 89abcdef\n8: XXXXXXXX\nc: ffffffff\n")
    }

    private func setRegisters(_ text: String?, file: String = Self.file) {
        kernel.withState { $0.sysfs.unmountedDebugFS = text.map { [file: Array($0.utf8)] } ?? [:] }
    }

    private func plan(_ blocks: Bool = true) throws -> MachinePlan {
        var device = PlatformDevice.named("1000.net")
        device.deviceTree.registerBlocks = blocks ? .copy : .none
        return try host.makePlan(host.configuration(devices: [device]))
    }

    @Test func `the device refers to a copy with the host's values`() throws {
        let plan = try plan()
        #expect(!plan.devices.isEmpty)
        let (device, place) = plan.devices[plan.devices.count - 1]
        #expect(device.name == "register block /grf@2000")
        let window = try #require(place.windows.first)
        #expect(window.size == 4096 && window.base.rawValue % 4096 == 0)
        let node = try #require(plan.boardNodes.last)
        #expect(node.name == "syscon@" + String(window.base.rawValue, radix: 16))
        #expect(node[property: "compatible"]?.strings == ["test,grf", "syscon"])
        #expect(node[property: "reg"] == .cells64([window.base.rawValue, 0x10]))
        #expect(node[property: "reg-io-width"] == .cell(4))
        #expect(plan.passthroughNodes[0][property: "rockchip,grf"]?.phandle == node.phandle)
    }

    @Test func `without the key the reference is left out and nothing is read`() throws {
        let calls = CallLog<String>()
        kernel.withState { state in
            state.beforeCall = {
                calls.note($0)
                return nil
            }
        }
        let plan = try plan(false)
        #expect(plan.passthroughNodes[0][property: "rockchip,grf"] == nil)
        #expect(!calls.calls.contains { $0.contains("regmap") })
        #expect(!plan.devices.contains { $0.device.name.hasPrefix("register block") })
    }

    @Test func `a block of a kernel before 6.6 is found under its other name`() throws {
        setRegisters("0: 00000001\n", file: "regmap/dummy-grf@2000/registers")
        _ = try plan()
    }

    @Test func `values that can't be read are an error that names the block`() throws {
        setRegisters(nil)
        let error = #expect(throws: MachineError.self) { try plan() }
        #expect(error == .registerBlock(path: "/grf@2000", errno: .noSuchFileOrDirectory))
        setRegisters("nonsense\n")
        #expect(throws: MachineError.registerBlock(path: "/grf@2000", errno: .illegalByteSequence)) { try plan() }
        kernel.withState { $0.sysfs.unmountedDebugFS = nil }
        #expect(throws: MachineError.registerBlock(path: "/grf@2000", errno: .notPermitted)) { try plan() }
    }

    @Test(arguments: [
        ("00: 01\n01: ff\n", [1, 0xFF, 0, 0, 0, 0, 0, 0]),
        ("0: 0102\n2: XXXX\n4: a0b0\n", [2, 1, 0, 0, 0xB0, 0xA0, 0, 0]),
        ("0: 0000000000000001\n", [1, 0, 0, 0, 0, 0, 0, 0]),
        // Beyond the block's end.
        ("6: 01020304\n8: 01020304\nffffffffffff: 00000001\n4: 00000009\n", [0, 0, 0, 0, 9, 0, 0, 0]),
    ]) func `registers of all widths are taken apart`(text: String, bytes: [UInt8]) {
        let block = RegisterBlock(path: "/x", address: 0, size: 8, properties: [])
        #expect(block.bytes(of: Array(text.utf8)) == bytes)
    }

    @Test func `a block of big-endian registers lies in memory as it is`() {
        let block = RegisterBlock(path: "/x", address: 0, size: 4, properties: [Property("big-endian", .empty)])
        #expect(block.bytes(of: Array("0: 01020304\n".utf8)) == [1, 2, 3, 4])
    }

    @Test(arguments: ["", "\n", "x: 1\n", "0: 1\n", "0: 123\n", "0\n", "-4: 00000001\n", "0: 0000000z\n", "0:\n"])
    func `what is no list of registers is refused`(text: String) {
        let block = RegisterBlock(path: "/x", address: 0, size: 4, properties: [])
        #expect(block.bytes(of: Array(text.utf8)) == nil)
    }

    @Test func `damaged lists crash nothing`() {
        let block = RegisterBlock(path: "/x", address: 0, size: 16, properties: [])
        let whole = Array("0: 00000001\n4: 89abcdef\n8: XXXXXXXX\nc: ffffffff\n".utf8)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            var text = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                text[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            #expect(block.bytes(of: text).map(\.count) ?? 16 == 16)
        }
    }
}
