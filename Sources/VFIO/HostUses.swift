// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// What the host itself does with its devices and can't do without them: a snapshot.
public struct HostUses: Sendable {
    /// One use.
    public enum Use: Equatable, Sendable {
        /// A console of the kernel: its tty.
        case console(String)
        /// The console of the early boot, which is still on: the path of its device-tree node.
        case bootConsole(String)
        /// A block device that has the root file system.
        case rootFileSystem(String)
        /// A block device that has another file system in use, and where.
        case fileSystem(String, mountPoint: String)
        /// A block device that memory is swapped to.
        case swap(String)
    }

    /// Each use with the folder in sysfs, free of links, that the device which serves it is at or above.
    private var uses: [(folder: String, use: Use)] = []

    /// Reads what the kernel says of its consoles, mounts and swap space.
    /// - Parameters:
    ///   - sysfs: /sys
    ///   - proc: /proc
    /// - Throws: `VFIOError.sysfs` for a file that can't be read: not to know is no reason to take a device away.
    /// - SeeAlso: proc_pid_mountinfo(5); Linux, fs/proc/consoles.c
    public init(sysfs: Sysfs, proc: Sysfs) throws(VFIOError) {
        let reader = HostUsesReader(sysfs: sysfs, proc: proc)
        uses = try reader.consoles() + reader.mounts() + reader.swaps()
    }

    /// What the host uses the device for, or something behind it.
    public func uses(of device: HostDevice) -> [Use] {
        uses.filter { use in
            if case .bootConsole = use.use { return use.folder == device.deviceTreeNode }
            return use.folder == device.path || use.folder.hasPrefix(device.path + "/")
        }.map(\.use)
    }
}

private struct HostUsesReader {
    typealias Found = [(folder: String, use: HostUses.Use)]
    let sysfs: Sysfs
    let proc: Sysfs

    /// The file's lines; nil where it doesn't exist.
    private func lines(_ path: String) throws(VFIOError) -> [Substring]? {
        let path = "\(proc.root)/\(path)"
        do throws(Errno) {
            // Hundreds of containers make a long table of mounts.
            return String(decoding: try proc.system.readFile(path, limit: 16 << 20), as: UTF8.self)
                .split(separator: "\n")
        } catch .noSuchFileOrDirectory {
            return nil
        } catch { throw .sysfs(device: "the host", path: path, errno: error) }
    }

    private func folder(_ link: String, _ name: String) throws(VFIOError) -> String? {
        let tree = SysfsDevices(sysfs: sysfs, device: name)
        return try tree.target(link).map(tree.absolute)
    }

    // MARK: Consoles

    /// "ttyAMA0              -W- (EC   a)  204:64", where B among the flags is a console of the early boot.
    func consoles() throws(VFIOError) -> Found {
        var found: Found = []
        var hasBootConsole = false
        for line in try lines("consoles") ?? [] {
            guard let name = line.split(separator: " ").first.map(String.init) else { continue }
            let flags = line.split(separator: "(").dropFirst().first?.prefix { $0 != ")" } ?? ""
            if let folder = try folder("class/tty/\(name)", name) {
                found.append((folder, .console(name)))
                if name.hasPrefix("hvc") { found += try virtioPorts().map { ($0, .console(name)) } }
            } else if flags.contains("B") {
                hasBootConsole = true
            }
        }
        // It has no tty that leads to the device, and is by the kernel's default where the tree says (Devicetree
        // Specification v0.4, 3.6 /chosen).
        if hasBootConsole, let node = bootConsoleNode() { found.append((node, .bootConsole(node))) }
        return found
    }

    /// A hypervisor's console has a tty without a device, which may be behind any port of a virtio console.
    private func virtioPorts() throws(VFIOError) -> [String] {
        var folders: [String] = []
        for name in (try? sysfs.names("class/virtio-ports")) ?? [] {
            if let folder = try folder("class/virtio-ports/\(name)", name) { folders.append(folder) }
        }
        return folders
    }

    /// The folder of the node that /chosen/stdout-path means: a path or an alias, then options after a colon.
    private func bootConsoleNode() -> String? {
        let base = "firmware/devicetree/base"
        func string(_ path: String) -> Substring? {
            guard let text = try? sysfs.text("\(base)/\(path)") else { return nil }
            return text.prefix { $0 != "\0" }
        }
        guard var path = string("chosen/stdout-path")?.prefix(while: { $0 != ":" }) else { return nil }
        if !path.hasPrefix("/") {
            guard let target = string("aliases/\(path)") else { return nil }
            path = target
        }
        return "\(sysfs.root)/\(base)\(path)"
    }

    // MARK: Block devices

    /// "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/sda1 rw"
    func mounts() throws(VFIOError) -> Found {
        guard let lines = try lines("self/mountinfo") else {
            throw .sysfs(device: "the host", path: "\(proc.root)/self/mountinfo", errno: .noSuchFileOrDirectory)
        }
        var found: Found = []
        // Each device once for each of the two: a container host mounts the same one hundreds of times.
        var isRootKnown: [String: Bool] = [:]
        for line in lines {
            let fields = line.split(separator: " ")
            guard fields.count > 4, let separator = fields.firstIndex(of: "-"), separator + 2 < fields.count else {
                continue
            }
            let isRoot = fields[4] == "/"
            let source = Self.unescaped(fields[separator + 2])
            let key = "\(fields[2]) \(source)"
            if let known = isRootKnown[key], known || !isRoot { continue }
            isRootKnown[key] = isRoot
            // A file system over several devices (Btrfs) has a made-up number, and the name of one device as its source.
            var block = fields[2].hasPrefix("0:") ? nil : try folder("dev/block/\(fields[2])", source)
            if block == nil, source.hasPrefix("/dev/") { block = try folder(ofBlockDevice: source) }
            guard let block else { continue }
            let name = String(block.split(separator: "/").last ?? "")
            let use: HostUses.Use =
                isRoot ? .rootFileSystem(name) : .fileSystem(name, mountPoint: Self.unescaped(fields[4]))
            found += try devices(under: block).map { ($0, use) }
        }
        return found
    }

    /// "/dev/sda2                               partition	1048572		0		-2"
    func swaps() throws(VFIOError) -> Found {
        var found: Found = []
        for line in try lines("swaps")?.dropFirst() ?? [] {
            let fields = line.split { $0 == " " || $0 == "\t" }
            // A swap file is in a file system, whose device is in use for that.
            guard fields.count > 1, fields[1] == "partition" else { continue }
            let source = Self.unescaped(fields[0])
            guard let block = try folder(ofBlockDevice: source) else { continue }
            found += try devices(under: block).map { ($0, .swap(source)) }
        }
        return found
    }

    /// The folder of a block device by its name in /dev, where /dev/mapper and /dev/disk have links to the kernel's own
    /// names.
    private func folder(ofBlockDevice path: String) throws(VFIOError) -> String? {
        var name = path
        if let target = try? sysfs.system.readLink(path) { name = target }
        guard let last = name.split(separator: "/").last else { return nil }
        return try folder("class/block/\(last)", path)
    }

    /// The folders of a block device and of those that it is made of: device mapper, RAID.
    private func devices(under block: String) throws(VFIOError) -> [String] {
        var known: Set<String> = []
        var pending = [block]
        while let next = pending.popLast() {
            guard known.insert(next).inserted else { continue }
            let inSysfs = String(next.dropFirst(sysfs.root.utf8.count + 1))
            // A partition has no slaves of its own, but the disk that it is on may.
            let disk = inSysfs.split(separator: "/").dropLast().joined(separator: "/")
            for slaves in ["\(inSysfs)/slaves", "\(disk)/slaves"] {
                let names: [String]
                do { names = try sysfs.names(slaves) } catch {
                    throw .sysfs(device: "the host", path: "\(sysfs.root)/\(slaves)", errno: error)
                }
                for name in names {
                    if let folder = try folder("\(slaves)/\(name)", name) { pending.append(folder) }
                }
            }
        }
        return known.sorted()
    }

    /// A path in a table of the kernel, where white space and the backslash are octal numbers: "\040".
    static func unescaped(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3, let number = UInt8(Substring(digits), radix: 8) {
                bytes.append(number)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
