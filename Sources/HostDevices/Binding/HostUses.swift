// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

public import LinuxSystem

/// The uses of devices that the host itself depends on: a snapshot.
public struct HostUses: Sendable {
    /// One use.
    public enum Use: Equatable, Sendable {
        /// A console of the kernel: its tty.
        case console(String)
        /// The console of the early boot, if it is still on: the path of its device-tree node.
        case bootConsole(String)
        /// A block device with the root file system.
        case rootFileSystem(String)
        /// A block device with another mounted file system, and its mount point.
        case fileSystem(String, mountPoint: String)
        /// A block device with swap space.
        case swap(String)
        /// A block device that the host may have mounted where this process can't see it.
        case unseen(String)
    }

    /// Each use with a folder in sysfs, free of links. The device that serves the use is that folder or one above it.
    private var uses: [(folder: String, use: Use)] = []

    /// Reads the kernel's consoles, mounts and swap space.
    /// - Parameters:
    ///   - sysfs: /sys
    ///   - proc: /proc
    /// - Throws: `HostDeviceError.sysfs` for a file that can't be read: a device whose use isn't known must not be
    ///   taken away.
    /// - SeeAlso: proc_pid_mountinfo(5); Linux, fs/proc/consoles.c
    public init(sysfs: Sysfs, proc: Sysfs) throws(HostDeviceError) {
        let reader = HostUsesReader(sysfs: sysfs, proc: proc)
        let hostsMounts = try reader.hostsMounts()
        uses = try reader.consoles() + reader.mounts(and: hostsMounts ?? []) + reader.swaps()
        if hostsMounts == nil { uses += try reader.disks().map { ($0.folder, .unseen($0.name)) } }
    }

    /// The host's uses of the device, or of something behind it.
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
    private func lines(_ path: String) throws(HostDeviceError) -> [Substring]? {
        let path = "\(proc.root)/\(path)"
        do throws(Errno) {
            // A host of hundreds of containers has a long table of mounts.
            return String(decoding: try proc.system.readFile(path, limit: 16 << 20), as: UTF8.self)
                .split(separator: "\n")
        } catch .noSuchFileOrDirectory {
            return nil
        } catch { throw .sysfs(device: "the host", path: path, errno: error) }
    }

    /// The names in a folder of sysfs; none if there is no such folder.
    private func names(_ path: String) throws(HostDeviceError) -> [String] {
        do { return try sysfs.names(path) } catch {
            throw .sysfs(device: "the host", path: "\(sysfs.root)/\(path)", errno: error)
        }
    }

    private func folder(_ link: String, _ name: String) throws(HostDeviceError) -> String? {
        let tree = SysfsDevices(sysfs: sysfs, device: name)
        return try tree.target(link).map(tree.absolute)
    }

    // MARK: Consoles

    /// Reads lines such as "ttyAMA0              -W- (EC   a)  204:64"; B among the flags marks a console of the early
    /// boot.
    func consoles() throws(HostDeviceError) -> Found {
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
        // A boot console has no tty that leads to the device. By the kernel's default it is the one that the tree names
        // (Devicetree Specification v0.4, 3.6 /chosen).
        if hasBootConsole, let node = try bootConsoleNode() { found.append((node, .bootConsole(node))) }
        return found
    }

    /// The ports of virtio consoles. A hypervisor's console has a tty without a device, which may be behind any of
    /// them.
    private func virtioPorts() throws(HostDeviceError) -> [String] {
        var folders: [String] = []
        for name in try names("class/virtio-ports") {
            if let folder = try folder("class/virtio-ports/\(name)", name) { folders.append(folder) }
        }
        return folders
    }

    /// The folder of the node that /chosen/stdout-path names: a path or an alias, then options after a colon.
    private func bootConsoleNode() throws(HostDeviceError) -> String? {
        let base = "firmware/devicetree/base"
        func string(_ path: String) throws(HostDeviceError) -> Substring? {
            do throws(Errno) {
                return try sysfs.text("\(base)/\(path)").prefix { $0 != "\0" }
            } catch .noSuchFileOrDirectory {
                return nil
            } catch { throw .sysfs(device: "the host", path: "\(sysfs.root)/\(base)/\(path)", errno: error) }
        }
        guard var path = try string("chosen/stdout-path")?.prefix(while: { $0 != ":" }) else { return nil }
        if !path.hasPrefix("/") {
            guard let target = try string("aliases/\(path)") else { return nil }
            path = target
        }
        return "\(sysfs.root)/\(base)\(path)"
    }

    // MARK: Block devices

    /// The mounts that this process sees, and those in `hosts`: a service may have its own table of mounts.
    func mounts(and hosts: [Substring]) throws(HostDeviceError) -> Found {
        guard let own = try lines("self/mountinfo") else {
            throw .sysfs(device: "the host", path: "\(proc.root)/self/mountinfo", errno: .noSuchFileOrDirectory)
        }
        return try mounts(own + hosts)
    }

    /// The table of mounts of the host's first process.
    ///
    /// Nil when this process can't see it: in a container the first process is the container's, and an ordinary user
    /// may not read it.
    func hostsMounts() throws(HostDeviceError) -> [Substring]? {
        let namespace: String
        do throws(Errno) {
            namespace = try proc.system.readLink("\(proc.root)/self/ns/pid")
        } catch .noSuchFileOrDirectory {
            namespace = Self.firstNamespace
        } catch { throw .sysfs(device: "the host", path: "\(proc.root)/self/ns/pid", errno: error) }
        guard namespace == Self.firstNamespace else { return nil }
        do throws(HostDeviceError) { return try lines("1/mountinfo") } catch {
            switch error {
            case .sysfs(_, _, .permissionDenied), .sysfs(_, _, .notPermitted): return nil
            default: throw error
            }
        }
    }

    /// PROC_PID_INIT_INO, the number of the kernel's first namespace (include/linux/proc_ns.h).
    private static let firstNamespace = "pid:[4026531836]"

    /// All disks of the host, with their folders.
    func disks() throws(HostDeviceError) -> [(folder: String, name: String)] {
        var found: [(folder: String, name: String)] = []
        for name in try names("class/block") {
            // ".../block/sda", and not its partition ".../block/sda/sda1".
            guard let folder = try folder("class/block/\(name)", name),
                folder.split(separator: "/").dropLast().last == "block"
            else { continue }
            found.append((folder, name))
        }
        return found
    }

    /// Reads lines such as "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/sda1 rw".
    private func mounts(_ lines: [Substring]) throws(HostDeviceError) -> Found {
        var found: Found = []
        // Each device only once as root and once as another mount: a container host mounts the same device hundreds of
        // times.
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
            // A file system on several devices (Btrfs) has an artificial number, and names one of the devices as its
            // source.
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

    /// Reads lines such as "/dev/sda2                               partition	1048572		0		-2".
    func swaps() throws(HostDeviceError) -> Found {
        var found: Found = []
        for line in try lines("swaps")?.dropFirst() ?? [] {
            let fields = line.split { $0 == " " || $0 == "\t" }
            // A swap file is in a file system, whose device counts as used for that.
            guard fields.count > 1, fields[1] == "partition" else { continue }
            let source = Self.unescaped(fields[0])
            guard let block = try folder(ofBlockDevice: source) else { continue }
            found += try devices(under: block).map { ($0, .swap(source)) }
        }
        return found
    }

    /// The folder of a block device by its name in /dev. /dev/mapper and /dev/disk have links to the kernel's own
    /// names.
    private func folder(ofBlockDevice path: String) throws(HostDeviceError) -> String? {
        var name = path
        do throws(Errno) { name = try sysfs.system.readLink(path) } catch {
            // Not a link, or not in /dev, such as /dev/root: then it is the kernel's own name. A path below a file has
            // no link either.
            guard [.invalidArgument, .noSuchFileOrDirectory, .notDirectory].contains(error) else {
                throw .sysfs(device: "the host", path: path, errno: error)
            }
        }
        guard let last = name.split(separator: "/").last else { return nil }
        return try folder("class/block/\(last)", path)
    }

    /// The folders of a block device and of the devices that it consists of: device mapper, RAID.
    private func devices(under block: String) throws(HostDeviceError) -> [String] {
        var known: Set<String> = []
        var pending = [block]
        while let next = pending.popLast() {
            guard known.insert(next).inserted else { continue }
            let inSysfs = String(next.dropFirst(sysfs.root.utf8.count + 1))
            // A partition has no slaves of its own, but its disk may have some.
            let disk = inSysfs.split(separator: "/").dropLast().joined(separator: "/")
            for slaves in ["\(inSysfs)/slaves", "\(disk)/slaves"] {
                for name in try names(slaves) {
                    if let folder = try folder("\(slaves)/\(name)", name) { pending.append(folder) }
                }
            }
        }
        return known.sorted()
    }

    /// Decodes a path in a table of the kernel, where white space and the backslash are octal numbers: "\040".
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
