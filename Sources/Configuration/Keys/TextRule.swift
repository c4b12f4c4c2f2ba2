// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The rule for a string.
///
/// A NUL byte is never allowed: the kernel would read it as the string's end.
package enum TextRule: Sendable {
    /// A file's path, absolute or relative to the configuration's folder.
    case path
    /// A device's path in sysfs: a path whose last component is the device's name.
    case devicePath
    /// A device's name, as /sys/bus/platform/devices and /sys/bus/amba/devices list it.
    case deviceName
    /// The guest kernel's command line.
    case bootArguments
    /// A label of the device tree.
    case label
    /// The label of a device, which must differ from the board's labels.
    case deviceLabel
    /// The name of a device-tree property that may be set. `phandle` may not: Martlet uses it for references.
    case propertyName
    /// A device-tree property or child node, as a path below a device's node.
    case nodePart
    /// A string in `clock-names`, or a clock's index.
    case clockName
    /// A heap's name, as /dev/dma_heap lists it.
    case heapName
    /// A drive's name.
    case driveID
    /// A partition's identity, as on Linux's command line.
    case partitionUUID

    /// The greatest length in bytes of UTF-8, without the NUL that the kernel requires behind it.
    package var maximumByteCount: Int {
        switch self {
        // PATH_MAX and NAME_MAX, include/uapi/linux/limits.h: the first counts the NUL, the second doesn't.
        case .path, .devicePath: 4095
        case .deviceName, .heapName: 255
        // COMMAND_LINE_SIZE, arch/arm64/include/uapi/asm/setup.h, is 2048 with the NUL: Linux copies the device tree's
        // bootargs with strscpy (early_init_dt_scan_chosen, drivers/of/fdt.c) and drops the rest without an error.
        case .bootArguments: 2047
        // Firecracker's limit.
        case .driveID: 64
        // The length of a UUID; the identities of an MBR's partitions are shorter (Linux, block/early-lookup.c).
        case .partitionUUID: 36
        // Devicetree Specification v0.4, 6.2.
        case .label, .deviceLabel: 31
        // The limit of a file name in a live tree: some bindings exceed the specification's 31.
        case .propertyName, .nodePart, .clockName: 255
        }
    }

    /// The board's own labels; `device` means a device in its own overlay.
    package static let boardLabels = ["device", "gic", "platform_bus", "rtc", "serial"]

    /// The rule as text, for error messages.
    package var allowed: String {
        switch self {
        case .path: "a path of 1 to \(maximumByteCount) bytes without NUL"
        case .devicePath:
            "a device's path, of at most \(maximumByteCount) bytes without NUL, as /sys/bus/platform/devices/NAME"
        case .deviceName:
            "a device's name as in /sys/bus/platform/devices, of 1 to \(maximumByteCount) bytes without '/' and NUL"
        case .bootArguments: "one line of at most \(maximumByteCount) bytes without NUL"
        case .label: "a label of 1 to \(maximumByteCount) letters, digits and '_' that doesn't begin with a digit"
        case .deviceLabel: "\(Self.label.allowed), other than \(Self.boardLabels.joined(separator: ", "))"
        case .propertyName: "a property's name of 1 to \(maximumByteCount) letters, digits and \",._+?#-\", not phandle"
        case .nodePart: "a property or child node as \"dmas\" or \"mdio/phy@1\", of 1 to \(maximumByteCount) characters"
        case .heapName:
            "a heap's name as in /dev/dma_heap, of 1 to \(maximumByteCount) bytes without '/' and NUL"
        case .driveID: "a name of 1 to \(maximumByteCount) letters, digits, '_' and '-'"
        case .partitionUUID: "a partition's UUID of 1 to \(maximumByteCount) hexadecimal digits and '-'"
        case .clockName: "a clock's name of 1 to \(maximumByteCount) bytes without NUL"
        }
    }

    package func accepts(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count <= maximumByteCount, !bytes.contains(0) else { return false }
        switch self {
        case .path: return !bytes.isEmpty
        case .devicePath: return Self.isName(ConfigurationPath.lastComponent(of: text))
        case .deviceName, .heapName: return Self.isName(text) && !bytes.contains(UInt8(ascii: "/"))
        case .bootArguments: return !bytes.contains(UInt8(ascii: "\n")) && !bytes.contains(UInt8(ascii: "\r"))
        case .label:
            guard let first = bytes.first else { return false }
            return !Self.isDigit(first) && bytes.allSatisfy { Self.isLetter($0) || Self.isDigit($0) || $0 == 0x5F }
        case .deviceLabel: return Self.label.accepts(text) && !Self.boardLabels.contains(text)
        case .propertyName:
            return Self.isNodePart(bytes, besides: ",._+?#-") && text != "phandle" && text != "linux,phandle"
        case .nodePart:
            return bytes.split(separator: 0x2F, omittingEmptySubsequences: false).allSatisfy {
                Self.isNodePart($0, besides: ",._+?#-@")
            }
        case .driveID: return Self.isNodePart(bytes, besides: "_-")
        case .partitionUUID: return !bytes.isEmpty && bytes.allSatisfy { AddressText.isHexadecimal($0) || $0 == 0x2D }
        case .clockName: return !bytes.isEmpty
        }
    }

    private static func isNodePart(_ bytes: some Collection<UInt8>, besides: StaticString) -> Bool {
        // Safety: a StaticString's bytes live forever.
        let others = UnsafeBufferPointer(start: besides.utf8Start, count: besides.utf8CodeUnitCount)
        return !bytes.isEmpty && bytes.allSatisfy { isLetter($0) || isDigit($0) || others.contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isName(_ text: String) -> Bool { !text.isEmpty && text != "." && text != ".." }
}
