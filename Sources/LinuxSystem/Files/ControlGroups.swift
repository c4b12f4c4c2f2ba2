// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The limits of the control groups that this process is in, of version 1 or 2.
///
/// Found without the table of mounts where the groups are in their usual place, as a table of many mounts takes long to
/// read.
/// - SeeAlso: cgroups(7); Linux, Documentation/admin-guide/cgroup-v2.rst,
///   Documentation/admin-guide/cgroup-v1/{memory,hugetlb}.rst
public struct ControlGroups {
    /// What is limited.
    public enum Resource: Equatable, Sendable {
        /// Memory of ordinary pages, and the kernel's for this process.
        case memory
        /// What may be swapped out besides; with version 1, memory and that together.
        case swap
        /// Memory of huge pages of this many bytes.
        case hugePages(size: UInt64)
    }

    /// One limit.
    public struct Limit: Equatable, Sendable {
        /// The file that says it.
        public let path: String
        public let bytes: UInt64

        /// Puts the two together.
        public init(path: String, bytes: UInt64) {
            self.path = path
            self.bytes = bytes
        }
    }

    private let system: any SystemCalls
    /// The lines of /proc/self/cgroup: "0::/user.slice", "9:memory:/docker/0123".
    private let groups: [(controllers: [Substring], path: [Substring])]

    /// - Throws: what reading /proc/self/cgroup gives. A kernel without control groups has no limits.
    public init(_ system: any SystemCalls) throws(Errno) {
        self.system = system
        var text = ""
        do throws(Errno) {
            text = String(decoding: try system.readFile("/proc/self/cgroup", limit: 65536), as: UTF8.self)
        } catch .noSuchFileOrDirectory {}
        groups = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return nil }
            let path = fields[2].split(separator: "/")
            // A group that isn't below the root that this process sees: what it sees of it is the root.
            return (fields[1].split(separator: ","), path.contains("..") ? [] : path)
        }
    }

    /// The lowest limit, of this process's own group or one above; of two that are the same, the nearest. Nil where
    /// there is none.
    /// - Throws: what reading a file gives.
    public func limit(of resource: Resource) throws(Errno) -> Limit? {
        let controller = resource.controller
        let old = groups.first { $0.controllers.contains(controller) }
        guard let group = old ?? groups.first(where: { $0.controllers.isEmpty }),
            let mount = try mountPoint(old == nil ? nil : String(controller))
        else { return nil }
        var lowest: Limit?
        for name in resource.fileNames(isOld: old != nil) {
            for depth in (0...group.path.count).reversed() {
                let path = ([Substring(mount)] + group.path.prefix(depth) + [Substring(name)]).joined(separator: "/")
                guard let bytes = try number(path), bytes < lowest?.bytes ?? .max else { continue }
                lowest = Limit(path: path, bytes: bytes)
            }
        }
        return lowest
    }

    /// Whether swap of version 1 is counted with memory.
    public var countsSwapWithMemory: Bool { groups.contains { $0.controllers.contains("memory") } }

    /// Whether memory of huge pages counts as ordinary memory, too (cgroup2's mount option memory_hugetlb_accounting,
    /// since Linux 6.7).
    /// - Throws: what reading /proc/self/mountinfo gives.
    public func countHugePagesAsMemory() throws(Errno) -> Bool {
        if groups.isEmpty { return false }
        return try mounts().contains { $0.kind == "cgroup2" && $0.options.contains("memory_hugetlb_accounting") }
    }

    /// The number in a file; nil where there is no such file, or it says "max".
    private func number(_ path: String) throws(Errno) -> UInt64? {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try system.readFile(path, limit: 4096) } catch .noSuchFileOrDirectory { return nil }
        return UInt64(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    // MARK: Mounts

    /// Where the groups are.
    /// - Parameter controller: of version 1; nil for version 2.
    private func mountPoint(_ controller: String?) throws(Errno) -> String? {
        let usual = controller.map { "/sys/fs/cgroup/\($0)" } ?? "/sys/fs/cgroup"
        do throws(Errno) {
            if try system.isDirectory(usual) { return usual }
        } catch .noSuchFileOrDirectory {}
        return try mounts().first {
            $0.kind == (controller == nil ? "cgroup2" : "cgroup") && controller.map($0.options.contains) != false
        }?.path
    }

    /// The mounts of control groups: "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate".
    private func mounts() throws(Errno) -> [(kind: Substring, path: String, options: [String])] {
        let text: String
        do throws(Errno) {
            text = String(decoding: try system.readFile("/proc/self/mountinfo", limit: 16 << 20), as: UTF8.self)
        } catch .noSuchFileOrDirectory { return [] }
        var mounts: [(kind: Substring, path: String, options: [String])] = []
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let separator = fields.firstIndex(of: "-"), separator > 4, separator + 3 < fields.count,
                fields[separator + 1].hasPrefix("cgroup")
            else { continue }
            let options = fields[separator + 3].split(separator: ",").map(String.init)
            mounts.append((fields[separator + 1], String(fields[4]), options))
        }
        return mounts
    }
}

extension ControlGroups.Resource {
    fileprivate var controller: Substring {
        switch self {
        case .memory, .swap: "memory"
        case .hugePages: "hugetlb"
        }
    }

    /// - Parameter isOld: whether it is version 1.
    fileprivate func fileNames(isOld: Bool) -> [String] {
        switch self {
        case .memory: [isOld ? "memory.limit_in_bytes" : "memory.max"]
        case .swap: [isOld ? "memory.memsw.limit_in_bytes" : "memory.swap.max"]
        case .hugePages(let size):
            // What is taken, and what is set aside by mmap (mm/hugetlb_cgroup.c, mem_fmt).
            ["", ".rsvd"].map { "hugetlb.\(Self.text(size))\($0).\(isOld ? "limit_in_bytes" : "max")" }
        }
    }

    private static func text(_ size: UInt64) -> String {
        if size >= 1 << 30 { return "\(size >> 30)GB" }
        return size >= 1 << 20 ? "\(size >> 20)MB" : "\(size >> 10)KB"
    }
}
