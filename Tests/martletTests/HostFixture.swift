// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Foundation
import LinuxSystem

/// A host's /sys and /proc as real files in a folder, which goes when the test is done.
final class HostFixture {
    private let folder: String
    private var root = Node("")
    var sysfs: Sysfs { Sysfs(root: "\(folder)/sys", system: LinuxKernel()) }
    var proc: Sysfs { Sysfs(root: "\(folder)/proc", system: LinuxKernel()) }

    /// A host with a GICv3, an SMMU's groups and no console.
    init() throws {
        folder = NSTemporaryDirectory() + "/martlet-\(UUID().uuidString)"
        try write("proc/consoles", [])
        try write("proc/self/mountinfo", Array("1 1 0:2 / / rw - rootfs none rw\n".utf8))
        for bus in ["platform", "amba"] {
            for file in ["bind", "unbind"] { try write("sys/bus/\(bus)/drivers/vfio-\(bus)/\(file)", []) }
        }
        for (path, properties) in [
            ("", ["#address-cells": .cell(2), "#size-cells": .cell(2), "interrupt-parent": .cell(1)]),
            ("/soc", ["#address-cells": .cell(2), "#size-cells": .cell(2), "ranges": .empty]),
            (
                "/intc@8000000",
                [
                    "compatible": .string("arm,gic-v3"), "#interrupt-cells": .cell(3), "interrupt-controller": .empty,
                    "phandle": .cell(1),
                ]
            ),
        ] as [(String, [String: PropertyValue])] {
            try addNode(path, properties)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func write(_ path: String, _ bytes: [UInt8]) throws {
        let url = URL(fileURLWithPath: "\(folder)/\(path)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func link(_ path: String, to target: String) throws {
        let url = URL(fileURLWithPath: "\(folder)/\(path)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: url.path, withDestinationPath: target)
    }

    func addNode(_ path: String, _ properties: [String: PropertyValue]) throws {
        for (name, value) in properties { try write("sys/firmware/devicetree/base\(path)/\(name)", value.bytes) }
        let names = path.split(separator: "/")
        var node = Node(names.last.map(String.init) ?? "")
        node.properties = properties.map { Property($0.key, $0.value) }
        if names.isEmpty { root.properties = node.properties }
        root.update(at: names.dropLast().joined(separator: "/")) { if !names.isEmpty { $0.replace(node) } }
    }

    /// Writes the blob that a host was booted with, of all nodes so far: root can read it.
    func writeBlob() throws {
        try write("sys/firmware/fdt", try Tree(root: root).serialized())
    }

    /// Adds a device with the node /soc/NODE.
    func addDevice(
        _ name: String, bus: String = "platform", node: String, driver: String?, group: Int?,
        _ properties: [String: PropertyValue]
    ) throws {
        let device = "sys/devices/platform/\(name)"
        try write("\(device)/uevent", [])
        try write("\(device)/driver_override", Array("(null)\n".utf8))
        try link("\(device)/subsystem", to: "../../../bus/\(bus)")
        try link("\(device)/of_node", to: "../../../firmware/devicetree/base/soc/\(node)")
        try link("sys/bus/\(bus)/devices/\(name)", to: "../../../devices/platform/\(name)")
        if let driver {
            try link("\(device)/driver", to: "../../../bus/\(bus)/drivers/\(driver)")
            for file in ["bind", "unbind"] { try write("sys/bus/\(bus)/drivers/\(driver)/\(file)", []) }
        }
        if let group {
            try link("\(device)/iommu_group", to: "../../../kernel/iommu_groups/\(group)")
            try link("sys/kernel/iommu_groups/\(group)/devices/\(name)", to: "../../../../devices/platform/\(name)")
        }
        try addNode("/soc/\(node)", properties)
    }
}
