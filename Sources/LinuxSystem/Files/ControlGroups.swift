// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

/// The limits of the control groups that this process is in, of version 1 or 2.
///
/// Where the groups are in their usual place, they are found without the table of mounts, because a long table is slow
/// to read.
/// - SeeAlso: cgroups(7); Linux, Documentation/admin-guide/cgroup-v2.rst,
///   Documentation/admin-guide/cgroup-v1/{memory,hugetlb}.rst
public struct ControlGroups {
    /// The resource that is limited.
    public enum Resource: Equatable, Sendable {
        /// Ordinary memory, and the kernel's memory for this process.
        case memory
        /// Swap in version 2; memory and swap together in version 1.
        case swap
        /// Memory of huge pages of this many bytes.
        case hugePages(size: UInt64)
    }

    /// One limit.
    public struct Limit: Equatable, Sendable {
        /// The file with the limit.
        public let path: String
        /// The limit in bytes.
        public let bytes: UInt64

        /// Combines the two.
        public init(path: String, bytes: UInt64) {
            self.path = path
            self.bytes = bytes
        }
    }

    private let system: any SystemCalls
    /// /proc/self/cgroup, one line for each hierarchy: "0::/user.slice", "9:memory:/docker/0123".
    private let text: [UInt8]

    /// - Throws: the errors of reading /proc/self/cgroup. A kernel without control groups has no limits.
    public init(_ system: any SystemCalls) throws(Errno) {
        self.system = system
        do throws(Errno) { text = try system.readFile("/proc/self/cgroup", limit: 65536) } catch .noSuchFileOrDirectory
        {
            text = []
        }
    }

    /// The lowest limit of this process's own group and all groups above it; of two equal ones, the nearest.
    ///
    /// Nil when there is none.
    /// - Throws: the errors of reading a file.
    public func limit(of resource: Resource) throws(Errno) -> Limit? {
        let controller = resource.controller
        let old = path(controller)
        guard let group = old ?? path(nil), let mount = try mountPoint(old == nil ? nil : controller) else {
            return nil
        }
        var lowest: Limit?
        for name in resource.fileNames(isOld: old != nil) {
            // From the group itself up to the root, whose path is empty.
            var folder = group[...]
            while true {
                let path = "\(mount)\(folder)/\(name)"
                if let bytes = try number(path), bytes < lowest?.bytes ?? .max {
                    lowest = Limit(path: path, bytes: bytes)
                }
                guard let slash = folder.utf8.lastIndex(of: UInt8(ascii: "/")) else { break }
                folder = folder[..<slash]
            }
        }
        return lowest
    }

    /// The path of this process's group below the root of a hierarchy; empty for the root itself. The hierarchy is that
    /// of a controller of version 1, or that of version 2 for nil. Nil when there is no such hierarchy.
    private func path(_ controller: String?) -> String? {
        var start = 0
        while start < text.count {
            let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
            let line = text[start..<end]
            start = end + 1
            guard let first = line.firstIndex(of: UInt8(ascii: ":")),
                let second = line[(first + 1)...].firstIndex(of: UInt8(ascii: ":")),
                Self.lists(line[(first + 1)..<second], controller)
            else { continue }
            let path = line[(second + 1)...]
            // The group lies outside the root that this process sees, so the process sees only the root.
            return path.count == 1 || Self.leavesRoot(path) ? "" : String(decoding: path, as: UTF8.self)
        }
        return nil
    }

    /// Whether one of the path's parts is "..".
    private static func leavesRoot(_ path: ArraySlice<UInt8>) -> Bool {
        var dots = 0
        for byte in path {
            if byte == UInt8(ascii: "/") {
                if dots == 2 { return true }
                dots = 0
            } else {
                // Any other byte makes it an ordinary name.
                dots = byte == UInt8(ascii: ".") ? dots + 1 : 3
            }
        }
        return dots == 2
    }

    /// Whether a line lists this controller; nil for the line of version 2, which lists none.
    private static func lists(_ controllers: ArraySlice<UInt8>, _ controller: String?) -> Bool {
        guard let controller, !controllers.isEmpty else { return controller == nil && controllers.isEmpty }
        return controllers.split(separator: UInt8(ascii: ",")).contains { $0.elementsEqual(controller.utf8) }
    }

    /// Whether version 1 is in use, which counts swap together with memory.
    public var countsSwapWithMemory: Bool { path("memory") != nil }

    /// Whether huge pages count as ordinary memory too.
    ///
    /// This is cgroup2's mount option memory_hugetlb_accounting, since Linux 6.7.
    /// - Throws: the errors of reading /proc/self/mountinfo.
    public func countHugePagesAsMemory() throws(Errno) -> Bool {
        if text.isEmpty { return false }
        return try mounts().contains { $0.kind == "cgroup2" && $0.options.contains("memory_hugetlb_accounting") }
    }

    /// The number in a file; nil when the file doesn't exist or says "max".
    private func number(_ path: String) throws(Errno) -> UInt64? {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try system.readFile(path, limit: 4096) } catch .noSuchFileOrDirectory { return nil }
        return UInt64(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    // MARK: Mounts

    /// Where the groups are mounted.
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
    fileprivate var controller: String {
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
            // The limits for pages in use, and for pages that mmap reserves (mm/hugetlb_cgroup.c, mem_fmt).
            ["", ".rsvd"].map { "hugetlb.\(Self.text(size))\($0).\(isOld ? "limit_in_bytes" : "max")" }
        }
    }

    private static func text(_ size: UInt64) -> String {
        if size >= 1 << 30 { return "\(size >> 30)GB" }
        return size >= 1 << 20 ? "\(size >> 20)MB" : "\(size >> 10)KB"
    }
}
