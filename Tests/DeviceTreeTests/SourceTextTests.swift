// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import DeviceTree
import Testing

@Suite struct SourceTextTests {
    @Test func `a node is shown as source`() {
        let node = Node(
            "rtc@0",
            [
                "compatible": .strings(["arm,pl031", "arm,primecell"]), "reg": .cells([0, 0x1000]),
                "odd": .bytes([1, 0xAB]),
                "label": .string("a \"b\" \\c"), "dma-coherent": .empty, "none": .string(""),
            ], children: [Node("port", ["reg": .cell(0)])])
        #expect(
            node.description == #"""
                rtc@0 {
                    compatible = "arm,pl031", "arm,primecell";
                    reg = <0x0 0x1000>;
                    odd = [01 ab];
                    label = "a \"b\" \\c";
                    dma-coherent;
                    none = [00];
                    port {
                        reg = <0x0>;
                    };
                };

                """#)
    }

    @Test func `a tree is shown with its reservations`() {
        let tree = Tree(reservations: [MemoryReservation(address: 0x1000, size: 0x20)])
        #expect(tree.description == "/dts-v1/;\n/memreserve/ 0x1000 0x20;\n\n/ {\n};\n")
    }

    @Test func `each error says what to do`() {
        let errors: [DeviceTreeError] = [
            .invalidNodeName("a b", parent: "/soc", .character(0x20)), .invalidPropertyName("", node: "/", .empty),
            .duplicateNode(path: "/a"), .duplicateProperty("a", node: "/"),
            .numberTooWide(1 << 32, cellCount: 1, field: "reg address"), .unsupportedCellCount(3, field: "reg size"),
            .invalidCellCount(property: "#size-cells", node: "soc"), .emptyReservation(address: 0),
            .limitExceeded(.depth, limit: 63, place: "/a"), .limitExceeded(.nodeCount, limit: 1, place: "/a"),
            .limitExceeded(.byteCount, limit: 1, place: "/a"), .malformedBlob(.badLength, offset: 0),
            .malformedBlob(.library(code: -9), offset: 0), .unreadable(path: "/a", .ioError), .noPhandleLeft,
            .library(code: -3),
        ]
        for error in errors {
            #expect(error.description.hasPrefix("device tree: "))
            #expect(error.description.split(separator: "\n").count == 2, "\(error)")
        }
        #expect(
            errors[4].description
                == "device tree: reg address 0x100000000 doesn't fit into 1 cell(s) of 32 bits\n"
                + "  use a lower number, or a parent with more #address-cells or #size-cells")
        #expect(errors[12].description.contains("FDT_ERR_BADMAGIC"))
    }
}
