// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import DeviceTree
internal import KVM
internal import PlatformBus

/// The board's own part of the guest's device tree; devices add their nodes to it.
///
/// - SeeAlso: Devicetree Specification v0.4, chapter 3; Linux, Documentation/devicetree/bindings
struct BoardDeviceTree {
    let layout: BoardLayout
    /// The ranges of the platform bus: its windows, and regions at fixed addresses elsewhere.
    let busRanges: [GuestRange]
    let vcpuCount: Int
    let interruptController: InterruptController.Version
    let boot: BootLoader.Result
    let bootArguments: String?
    /// Fresh random bytes for the guest's entropy pool.
    let randomSeed: [UInt8]
    /// The phandle of the interrupt controller, which every device of the board refers to: 1, unless a base tree has
    /// another.
    let controllerPhandle: Phandle

    /// - Parameters:
    ///   - devices: nodes of the board's own devices; one of them is the serial port.
    ///   - clocks: nodes beside them at the root: fixed clocks and regulators.
    ///   - passedThrough: nodes for the platform bus, or for the root if they have no address.
    func tree(devices: [Node], clocks: [Node], passedThrough: [Node]) -> Tree {
        var root = Node(
            "",
            [
                "#address-cells": .cell(2), "#size-cells": .cell(2), "compatible": .string("linux,dummy-virt"),
                "model": .string("Martlet virtual machine"), "interrupt-parent": .phandle(controllerPhandle),
            ])
        root.children = [
            Node("aliases", ["serial0": .string(Self.serialPath(devices))]), chosen(devices), memory, cpus, psci,
            timer, controller,
        ]
        root.children += clocks + devices
        root.children += passedThrough.filter { !isOnBus($0) }
        let onBus = passedThrough.filter(isOnBus)
        if !onBus.isEmpty { root.children.append(platformBus(onBus)) }
        return Tree(root: root)
    }

    /// Whether a node belongs on the bus. Children of a bus must have addresses (dt-schema, simple-bus.yaml). A device
    /// without one, such as gpio-keys, is at the root, unless a node of the board has the same name.
    private func isOnBus(_ node: Node) -> Bool {
        node[property: "reg"] != nil || ["aliases", "chosen", "cpus", "psci", "timer"].contains(node.name)
    }

    /// The path of the console's node.
    private static func serialPath(_ devices: [Node]) -> String {
        "/" + (devices.first { $0.baseName == "serial" }?.name ?? "serial")
    }
    private var busName: String {
        Self.name("platform-bus", busRanges.first?.base ?? BoardLayout.lowWindowBase)
    }

    /// The labels of the board's nodes for overlays, and each device's path.
    /// - Parameters: as for `tree`; `labels` are the devices' own labels.
    func names(devices: [Node], clocks: [Node], passedThrough: [Node], labels: [String?]) -> TreeAdditions.Names {
        var board: [(label: String, path: String)] = [
            ("gic", "/" + Self.name("interrupt-controller", layout.interruptController.base))
        ]
        for device in devices { board.append((Self.label(String(device.baseName)), "/\(device.name)")) }
        if passedThrough.contains(where: isOnBus) { board.append(("platform_bus", "/\(busName)")) }
        for clock in clocks { board.append((Self.label(clock.name), "/\(clock.name)")) }
        return TreeAdditions.Names(
            board: board,
            devices: zip(labels, passedThrough).map { ($0, isOnBus($1) ? "/\(busName)/\($1.name)" : "/\($1.name)") })
    }

    /// A node's name with "_" for each character that a label can't have: "clock_24000000".
    private static func label(_ name: String) -> String {
        String(decoding: name.utf8.map { isLabelCharacter($0) ? $0 : UInt8(ascii: "_") }, as: UTF8.self)
    }

    private static func isLabelCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    static func name(_ base: String, _ address: GuestAddress) -> String {
        base + "@" + String(address.rawValue, radix: 16)
    }

    private func chosen(_ devices: [Node]) -> Node {
        var node = Node("chosen", ["stdout-path": .string(Self.serialPath(devices) + ":115200n8")])
        if let bootArguments { node[property: "bootargs"] = .string(bootArguments) }
        if let initrd = boot.initrd {
            node[property: "linux,initrd-start"] = .cell64(initrd.base.rawValue)
            // The end is exclusive; RAM never reaches 2^64.
            node[property: "linux,initrd-end"] = .cell64(initrd.last.rawValue &+ 1)
        }
        node[property: "rng-seed"] = .bytes(randomSeed)
        return node
    }

    private var memory: Node {
        Node(
            Self.name("memory", layout.ram.base),
            [
                "device_type": .string("memory"),
                "reg": .cells64(layout.banks.flatMap { [$0.base.rawValue, $0.size] }),
            ])
    }

    private var cpus: Node {
        var node = Node("cpus", ["#address-cells": .cell(1), "#size-cells": .cell(0)])
        for index in 0..<vcpuCount {
            // KVM gives vCPU n the affinity n / 16 . n % 16 (arch/arm64/kvm/sys_regs.c, reset_mpidr).
            let affinity = UInt32(index >> 4) << 8 | UInt32(index & 15)
            node.children.append(
                Node(
                    "cpu@" + String(affinity, radix: 16),
                    [
                        "device_type": .string("cpu"), "compatible": .string("arm,armv8"),
                        "enable-method": .string("psci"), "reg": .cell(affinity),
                    ]))
        }
        return node
    }

    private var psci: Node {
        Node("psci", ["compatible": .strings(["arm,psci-1.0", "arm,psci-0.2"]), "method": .string("hvc")])
    }

    /// Secure, non-secure, virtual and hypervisor timer, private to each CPU (arm,arch_timer.yaml).
    private var timer: Node {
        // GICv2 requires a mask of the CPUs of a private interrupt, one bit each, in bits 15:8 (arm,gic.yaml).
        let mask: UInt32 = interruptController == .v2 ? ((1 << UInt32(min(vcpuCount, 8))) - 1) << 8 : 0
        let lines: [UInt32] = [13, 14, 11, 10]
        return Node(
            "timer",
            [
                "compatible": .string("arm,armv8-timer"),
                "interrupts": .cells(lines.flatMap { [1, $0, mask | InterruptTrigger.level.specifierFlags] }),
                "always-on": .empty,
            ])
    }

    private var controller: Node {
        let base = layout.interruptController.base
        let layout = layout.interruptController(interruptController)
        let frames: [UInt64] =
            switch interruptController {
            case .v3: [layout.distributor, 0x10000, layout.secondFrame, UInt64(vcpuCount) << 17]
            case .v2: [layout.distributor, 0x1000, layout.secondFrame, 0x2000]
            }
        return Node(
            Self.name("interrupt-controller", base),
            [
                "compatible": .string(interruptController == .v3 ? "arm,gic-v3" : "arm,cortex-a15-gic"),
                // No address: an interrupt map (interrupt-map) has no address for this parent.
                "#address-cells": .cell(0), "#interrupt-cells": .cell(3), "interrupt-controller": .empty,
                "reg": .cells64(frames),
                "phandle": .phandle(controllerPhandle),
            ])
    }

    private func platformBus(_ nodes: [Node]) -> Node {
        // Bus addresses equal guest addresses, so that a node's unit address is the address in the report.
        let ranges = busRanges.flatMap { [$0.base.rawValue, $0.base.rawValue, $0.size] }
        return Node(
            busName,
            [
                "compatible": .string("simple-bus"), "#address-cells": .cell(2), "#size-cells": .cell(2),
                "ranges": .cells64(ranges),
            ], children: nodes)
    }
}
