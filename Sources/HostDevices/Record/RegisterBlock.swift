// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import DeviceTree
public import LinuxSystem

/// A block of registers that several of the host's drivers share (`syscon`), to be copied for a guest.
public struct RegisterBlock: Equatable, Sendable {
    /// The node's path in the host's tree.
    public let path: String
    /// The address of the first register for the CPU.
    public let address: UInt64
    /// In bytes.
    public let size: UInt64
    /// The properties that describe the block and the access to its registers.
    public let properties: [Property]

    /// The largest block that is copied, in bytes.
    public static let sizeLimit: UInt64 = 1 << 20

    /// Creates a block from its parts.
    public init(path: String, address: UInt64, size: UInt64, properties: [Property]) {
        self.path = path
        self.address = address
        self.size = size
        self.properties = properties
    }

    /// Nil for a node that isn't such a block, that has more than one range of registers, or whose address isn't known.
    /// - Parameter folder: the folder of the node.
    /// - SeeAlso: Devicetree binding mfd/syscon-common.yaml
    public init?(at folder: String, of tree: HostTree) {
        guard let names = tree.value("compatible", of: folder)?.strings, names.contains("syscon") else { return nil }
        let blocks = HostAddresses.blocks(of: folder, tree: tree)
        guard blocks.count == 1, let address = blocks[0].address, 1...Self.sizeLimit ~= blocks[0].size else {
            return nil
        }
        // The guest has none of the devices that are parts of the block.
        var properties = [Property("compatible", .strings(names.filter { $0 != "simple-mfd" && $0 != "simple-bus" }))]
        for name in ["reg-io-width", "big-endian", "little-endian", "native-endian"] {
            if let value = tree.value(name, of: folder) { properties.append(Property(name, value)) }
        }
        self.init(path: tree.path(folder), address: address, size: blocks[0].size, properties: properties)
    }

    /// The current values of its registers, as they are in the guest's memory.
    ///
    /// The kernel reads them in the same way as its drivers, with the block's clock on. A register that can't be read
    /// gives 0.
    /// - Throws: the errors of open(2) and read(2): ENOENT when no driver of the host uses the block; EILSEQ for a file
    ///   that isn't a list of registers.
    /// - SeeAlso: Linux, drivers/mfd/syscon.c (of_syscon_register), drivers/base/regmap/regmap-debugfs.c
    public func values(_ sysfs: Sysfs, debugFS: any DebugFSCalls) throws(Errno) -> [UInt8] {
        var missing = Errno.noSuchFileOrDirectory
        for file in files {
            let text: [UInt8]
            do throws(Errno) {
                text = try sysfs.readDebugFS(file, limit: Self.textLimit, unmounted: debugFS)
            } catch .noSuchFileOrDirectory {
                continue
            } catch .operationNotSupportedByDevice {
                // The kernel has no debugfs.
                missing = .operationNotSupportedByDevice
                continue
            }
            guard let bytes = bytes(of: text) else { throw .illegalByteSequence }
            return bytes
        }
        throw missing
    }

    /// The possible paths below debugfs. Before 6.6 Linux has the address as a number, since then as a pointer.
    private var files: [String] {
        let name = path.split(separator: "/").last?.split(separator: "@").first ?? ""
        let digits = String(address, radix: 16)
        let pointer = "0x" + String(repeating: "0", count: 16 - digits.count) + digits
        return [pointer, digits].map { "regmap/dummy-\(name)@\($0)/registers" }
    }

    /// In bytes: a line of 18 bytes for each register of one byte.
    private static let textLimit = 24 << 20

    /// Reads a line such as "0004: 0000ffff" for each register; nil if a line has another form.
    package func bytes(of text: [UInt8]) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: Int(size))
        let isBigEndian = properties.contains { $0.name == "big-endian" }
        var hasLines = false
        for line in text.split(separator: 0x0A) {
            let parts = line.split(separator: 0x3A, maxSplits: 1)
            guard parts.count == 2, let offset = Int(String(decoding: parts[0], as: UTF8.self), radix: 16) else {
                return nil
            }
            let digits = parts[1].drop { $0 == 0x20 }
            let width = digits.count / 2
            guard [1, 2, 4, 8].contains(width), digits.count == 2 * width, offset >= 0 else { return nil }
            hasLines = true
            // "XXXXXXXX": the register can't be read.
            guard digits.first != 0x58 else { continue }
            guard let value = UInt64(String(decoding: digits, as: UTF8.self), radix: 16) else { return nil }
            guard offset <= bytes.count - width else { continue }
            for index in 0..<width {
                bytes[offset + (isBigEndian ? width - 1 - index : index)] = UInt8(
                    truncatingIfNeeded: value >> (8 * index))
            }
        }
        return hasLines ? bytes : nil
    }
}
