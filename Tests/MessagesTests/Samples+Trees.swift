// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem

@testable import DeviceTree
@testable import GuestNodes

extension Messages {
    /// DeviceTree.
    mutating func addDeviceTree() {
        let device = "10000000.edu"
        add(
            DeviceTreeError.invalidNodeName("a b", parent: "/soc", .character(0x20)),
            .invalidPropertyName("", node: "/soc", .empty), .duplicateNode(path: "/soc/uart@1"),
            .duplicateProperty("reg", node: "/soc/uart@1"),
            .numberTooWide(0x1_0000_0000, cellCount: 1, field: "reg address"),
            .unsupportedCellCount(3, field: "reg size"), .invalidCellCount(property: "#size-cells", node: "soc"),
            .emptyReservation(address: 0x8000_0000), .limitExceeded(.depth, limit: 64, place: "/a/b"),
            .limitExceeded(.nodeCount, limit: 65536, place: "/a/b"),
            .limitExceeded(.byteCount, limit: 0x20_0000, place: "/a/b"),
            .malformedBlob(.truncated(count: 20, needed: 40), offset: 0),
            .unreadable(path: "/sys/firmware/devicetree/base/soc", .permissionDenied),
            .unreadable(path: "/sys/firmware/devicetree/base/soc", .tooManyOpenFiles), .overlay("a.dtbo", .noFragment),
            .noPhandleLeft, .library(code: -3))
        add(
            DeviceTreeError.BlobProblem.truncated(count: 20, needed: 40), .unsupportedVersion(16), .library(code: -9),
            .badLength, .misplacedToken)
        add(
            NameProblem.empty, .emptyUnitAddress, .tooLong(length: 40, limit: 31), .character(0x20), .character(0x24))
        add(
            OverlayProblem.tree(.duplicateNode(path: "/fragment@0")), .noFragment, .badTarget(fragment: "/fragment@0"),
            .badSymbol("uart"), .badReference(label: "uart", place: "/fragment@0:target:x"),
            .badReference(label: "uart", place: nil), .badLocalReference(node: "/fragment@0", property: "clocks"),
            .badLocalReference(node: "/fragment@0", property: nil),
            .unknownLabel("urat", node: "/fragment@0", property: "target", known: ["gic", "uart"]),
            .noTarget(fragment: "/fragment@0", path: "/soc/x"),
            .noAlias(fragment: "/fragment@0", alias: "serial9", known: ["serial0"]),
            .noAlias(fragment: "/fragment@0", alias: "serial9", known: []), .phandleLost(node: "/soc/uart@1"),
            .library(code: -3)
        ) { "\(DeviceTreeError.overlay("a.dtbo", $0))" }
        add(
            GuestNodeError.deviceTree(device: device, .noPhandleLeft), .noDeviceTreeNode(device: device),
            .missingReferences(device: device, ["clocks: /osc: its rate is not fixed"]),
            .unknownClocks(device: device, ["core"], known: ["bus", "mac"]),
            .unknownClocks(device: device, ["core"], known: []),
            .incompleteNode(
                device: device, compatible: "amd,xgbe-seattle-v1a", "it has 1 regions where its driver needs 5"))
    }

    /// GuestNodes.
    mutating func addGuestNodes() {
        add(
            PropertyFate.Cause.plainData, .maybeReference("/soc/gpio"), .takenForReference(["/soc/phy"]), .guestWindows,
            .noRegions, .guestSPIs, .noInterrupts, .matchesVFIO, .bus, .noBus, .outOfReach, .ownDevice("10200000.sata"),
            .role(.dmaRanges), .status, .host(.pins), .severalPowerDomains(2), .entries([.notPassed("/soc/phy")]),
            .problem(.truncated), .notLookedAt, .goesWith("clocks"), .childInterrupts, .noAddresses, .configuration,
            .quirk("calxeda,hb-xgmac"), .coherence("/soc"), .interface)
        add(
            PropertyRole.DropReason.freshPhandle, .kernelsOwn, .assignedClocks, .dmaRanges, .interruptParent,
            .interruptMap, .idMap
        ) { $0.description }
        add(
            ReferenceRule.HostDuty.translation, .interrupts, .pins, .power, .memory, .bandwidth, .scaling
        ) { $0.description }
        add(
            ReferenceProblem.noSuchNode(5), .noCellCount(provider: "/osc", property: "#clock-cells"),
            .tooManyCells(provider: "/osc", property: "#clock-cells"), .truncated, .tooManyEntries, .ambiguous)
        add(
            ReferenceOutcome.empty, .passed("/soc/phy"), .clock(hertz: 24_000_000, .fixed, provider: "/osc"),
            .regulator(microvolts: 3_300_000, provider: "/vcc"),
            .regulator(microvolts: 1_800_000, isPresent: true, provider: "/vqmmc"), .resetLine(provider: "/reset"), .registerCopy("/syscon@ff770000"),
            .unknownRate(provider: "/osc", .unidentified),
            .unknownVoltage(provider: "/vcc"), .notPassed("/soc/phy"))
        add("ReferenceOutcome.text", ReferenceOutcome.text([.passed("/a"), .notPassed("/b"), .notPassed("/b")]))
        add(
            ClockRate.Origin.fixed, .kernel("osc"), .configuration, .configurationForAll, .standIn, .record("clk_uart0")
        )
        add(
            NodeNeed.clocks(["core", "bus"]), .others([.init(path: "/soc/phy@1000", isRegisterBlock: false)]),
            .resets(["stmmaceth"]),
            .registerBlocks(["rockchip,grf"], [.init(path: "/syscon@2000", isRegisterBlock: true)]), .powerDomains(2)
        ) { $0.description }
        add(ClockRate.Problem.unidentified, .unreadable("osc"), .implausible(0), .badSource)
    }
}
