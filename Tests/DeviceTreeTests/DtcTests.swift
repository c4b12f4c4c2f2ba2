// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite(.enabled(if: Dtc.isAvailable, "dtc (package device-tree-compiler) is not on the PATH"))
struct DtcTests {
    /// A board in miniature, with all kinds of values.
    private let source = """
        /dts-v1/;
        /memreserve/ 0x80000000 0x1000;
        / {
            #address-cells = <2>;
            #size-cells = <2>;
            compatible = "martlet,board", "linux,dummy-virt";
            interrupt-parent = <&gic>;

            chosen { stdout-path = "/serial@9000000"; rng-seed = [de ad be]; };
            memory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x1 0x0>; };
            gic: interrupt-controller@8000000 {
                compatible = "arm,gic-v3";
                #interrupt-cells = <3>;
                #address-cells = <0>;
                interrupt-controller;
                reg = <0x0 0x8000000 0x0 0x10000>, <0x0 0x80a0000 0x0 0xf60000>;
            };
            clk: apb-pclk { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; };
            serial@9000000 {
                compatible = "ns16550a";
                reg = <0x0 0x9000000 0x0 0x1000>;
                interrupts = <0 1 4>;
                clock-frequency = <1843200>;
            };
            bus@c000000 {
                compatible = "simple-bus";
                #address-cells = <1>;
                #size-cells = <1>;
                ranges = <0x0 0x0 0xc000000 0x2000000>;
                rtc@0 {
                    compatible = "arm,pl031", "arm,primecell";
                    reg = <0x0 0x1000>;
                    interrupts = <0 32 4>;
                    clocks = <&clk>;
                    clock-names = "apb_pclk";
                    dma-coherent;
                };
            };
        };
        """

    /// The same board, made here. dtc numbers phandles as it meets references.
    private func board() throws -> Tree {
        var phandles = PhandleAllocator()
        let gicPhandle = try phandles.allocate()
        let clockPhandle = try phandles.allocate()
        let counts = CellCounts(address: 2, size: 2)
        let busCounts = CellCounts(address: 1, size: 1)

        var root = Node(
            "",
            [
                "#address-cells": .cell(2), "#size-cells": .cell(2),
                "compatible": .strings(["martlet,board", "linux,dummy-virt"]), "interrupt-parent": .phandle(gicPhandle),
            ])
        try root.add(
            Node("chosen", ["stdout-path": .string("/serial@9000000"), "rng-seed": .bytes([0xDE, 0xAD, 0xBE])]))
        try root.add(
            Node(
                "memory@80000000",
                [
                    "device_type": .string("memory"),
                    "reg": .reg([RegisterBlock(address: 0x8000_0000, size: 1 << 32)], counts: counts),
                ]))
        let gicBlocks = [
            RegisterBlock(address: 0x800_0000, size: 0x10000), RegisterBlock(address: 0x80A_0000, size: 0xF6_0000),
        ]
        try root.add(
            Node(
                "interrupt-controller@8000000",
                [
                    "compatible": .string("arm,gic-v3"), "#interrupt-cells": .cell(3), "#address-cells": .cell(0),
                    "interrupt-controller": .empty, "reg": .reg(gicBlocks, counts: counts),
                    "phandle": .phandle(gicPhandle),
                ]))
        try root.add(
            Node(
                "apb-pclk",
                [
                    "compatible": .string("fixed-clock"), "#clock-cells": .cell(0),
                    "clock-frequency": .cell(24_000_000), "phandle": .phandle(clockPhandle),
                ]))
        try root.add(
            Node(
                "serial@9000000",
                [
                    "compatible": .string("ns16550a"),
                    "reg": .reg([RegisterBlock(address: 0x900_0000, size: 0x1000)], counts: counts),
                    "interrupts": .cells([0, 1, 4]), "clock-frequency": .cell(1_843_200),
                ]))
        let rtc = try Node(
            "rtc@0",
            [
                "compatible": .strings(["arm,pl031", "arm,primecell"]),
                "reg": .reg([RegisterBlock(address: 0, size: 0x1000)], counts: busCounts),
                "interrupts": .cells([0, 32, 4]), "clocks": .phandle(clockPhandle),
                "clock-names": .string("apb_pclk"), "dma-coherent": .empty,
            ])
        try root.add(
            Node(
                "bus@c000000",
                [
                    "compatible": .string("simple-bus"), "#address-cells": .cell(1), "#size-cells": .cell(1),
                    "ranges": .ranges(
                        [BusRange(child: 0, parent: 0xC00_0000, size: 0x200_0000)], counts: busCounts,
                        parentAddressCells: 2),
                ], children: [rtc]))
        return Tree(root: root, reservations: [MemoryReservation(address: 0x8000_0000, size: 0x1000)])
    }

    @Test func `what dtc compiles reads as the expected tree`() throws {
        let output = try Dtc.run(["-I", "dts", "-O", "dtb"], input: Array(source.utf8))
        #expect(output.messages == "")
        #expect(try Tree(parsing: output.bytes) == board())
    }

    @Test func `dtc has no warning about a blob of ours`() throws {
        // The two checks are off by default.
        let output = try Dtc.run(
            ["-I", "dtb", "-O", "dts", "-Wnode_name_chars_strict", "-Wproperty_name_chars_strict"],
            input: board().serialized())
        #expect(output.messages == "")
        #expect(output.status == 0)
    }

    @Test func `dtc reads our source text as the same tree`() throws {
        // Arrange: the board, and a few hundred random trees side by side in one tree.
        var random = RandomTrees(seed: 12)
        var gathered = Tree(reservations: [MemoryReservation(address: 1 << 40, size: .max)])
        for index in 0..<300 {
            var root = random.tree().root
            root.name = "tree@\(index)"
            gathered.root.children.append(root)
        }

        for tree in [try board(), gathered] {
            // Act: forced (-f), as random trees break the bindings that dtc checks.
            let output = try Dtc.run(["-q", "-q", "-q", "-f", "-I", "dts", "-O", "dtb"], input: Array("\(tree)".utf8))

            // Assert
            #expect(output.status == 0)
            #expect(try Tree(parsing: output.bytes) == tree)
        }
    }
}
