// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import LinuxSystem

/// Reads the facts of one device from sysfs; its errors name the device and the path.
///
/// Paths are relative to the tree's root and free of symbolic links, unless stated otherwise. So a relative link is
/// resolved from its text alone: one readlink, where realpath(3) needs one for each component.
struct SysfsDevices {
    let sysfs: Sysfs
    /// The device that errors are about.
    let device: String

    func absolute(_ path: String) -> String { "\(sysfs.root)/\(path)" }

    /// Calls `body`; an errno that it throws becomes an error about `path`.
    private func reading<Result>(
        _ path: String, _ body: () throws(Errno) -> Result
    ) throws(HostDeviceError) -> Result {
        do { return try body() } catch {
            throw .sysfs(device: device, path: absolute(path), errno: error)
        }
    }

    func linkName(_ path: String) throws(HostDeviceError) -> String? {
        try reading(path) { () throws(Errno) in try sysfs.linkName(path) }
    }

    func exists(_ path: String) throws(HostDeviceError) -> Bool {
        try reading(path) { () throws(Errno) in try sysfs.hasDirectory(path) }
    }

    /// The target of the link at `path`; nil if there is no link.
    func target(_ path: String) throws(HostDeviceError) -> String? {
        let text = try reading(path) { () throws(Errno) -> String? in
            do throws(Errno) { return try sysfs.system.readLink(absolute(path)) } catch .noSuchFileOrDirectory {
                return nil
            } catch .invalidArgument {
                // readlink(2): the file isn't a link.
                return nil
            }
        }
        guard let text else { return nil }
        guard let target = Self.resolve(text, at: path, root: sysfs.root) else {
            throw .malformedSysfs(device: device, path: absolute(path), content: text)
        }
        return target
    }

    /// `path` with every link in it replaced by its target.
    func physical(_ path: String) throws(HostDeviceError) -> String {
        var pending = Array(path.split(separator: "/").reversed())
        var done = ""
        // The kernel's own limit for one path (include/linux/namei.h, MAXSYMLINKS).
        var linksLeft = 40
        while let component = pending.popLast() {
            guard let next = Self.resolve(String(component), at: "\(done)/link", root: sysfs.root) else {
                throw .notInSysfs(path: absolute(path), root: sysfs.root)
            }
            // The path so far has no links, so "." and ".." can be resolved in it.
            guard component != ".", component != "..", let target = try target(next) else {
                done = next
                continue
            }
            guard linksLeft > 0 else {
                throw .sysfs(device: device, path: absolute(path), errno: .tooManySymbolicLinkLevels)
            }
            linksLeft -= 1
            pending += target.split(separator: "/").reversed()
            done = ""
        }
        return done
    }

    /// The path that a link at `path` with the text `target` points to; nil when that is outside the tree.
    static func resolve(_ target: String, at path: String, root: String) -> String? {
        var components: [Substring] = []
        var text = Substring(target)
        if target.hasPrefix("/") {
            guard target.hasPrefix("\(root)/") else { return nil }
            text = target.dropFirst(root.utf8.count)
        } else {
            components = path.split(separator: "/").dropLast()
        }
        for component in text.split(separator: "/") {
            if component == ".." {
                if components.popLast() == nil { return nil }
            } else if component != "." {
                components.append(component)
            }
        }
        return components.joined(separator: "/")
    }

    func group(of path: String, name: String) throws(HostDeviceError) -> HostDevice.IOMMUGroup? {
        guard let text = try linkName("\(path)/iommu_group") else { return nil }
        guard let id = Int(text), id >= 0 else {
            throw .malformedSysfs(device: device, path: absolute("\(path)/iommu_group"), content: text)
        }
        let folder = "kernel/iommu_groups/\(id)"
        let names = try reading("\(folder)/devices") { () throws(Errno) in try sysfs.names("\(folder)/devices") }
        var others: [HostDevice.GroupMember] = []
        for other in names where other != name {
            let otherPath = try target("\(folder)/devices/\(other)")
            let driver = try otherPath.flatMap { path throws(HostDeviceError) in try linkName("\(path)/driver") }
            others.append(HostDevice.GroupMember(name: other, driver: driver))
        }
        // The kernel gives this name to the groups of devices without an IOMMU (drivers/vfio/group.c,
        // vfio_noiommu_group_alloc). Other groups have no name, or one that their driver gives.
        let isNoIOMMU = try self.text("\(folder)/name") == "vfio-noiommu"
        return HostDevice.IOMMUGroup(
            id: id, isNoIOMMU: isNoIOMMU, others: others, reserved: isNoIOMMU ? [] : try reservedRegions(ofGroup: id))
    }

    private func reservedRegions(ofGroup id: Int) throws(HostDeviceError) -> [ReservedRegion] {
        let path = "kernel/iommu_groups/\(id)/reserved_regions"
        let text = try text(path) ?? ""
        var regions: [ReservedRegion] = []
        for line in text.split(separator: "\n") {
            guard let region = ReservedRegion(line: line, group: id) else {
                throw .malformedSysfs(device: device, path: absolute(path), content: String(line))
            }
            regions.append(region)
        }
        return regions
    }

    /// The name of the file in /dev/vfio/devices is that of the only folder in the device's `vfio-dev`
    /// (Documentation/ABI/testing/sysfs-devices-vfio-dev).
    func deviceFile(of path: String) throws(HostDeviceError) -> String? {
        let names = try reading("\(path)/vfio-dev") { () throws(Errno) in try sysfs.names("\(path)/vfio-dev") }
        return names.first { $0.hasPrefix("vfio") }.map { "/dev/vfio/devices/\($0)" }
    }

    /// A file's text; nil if there is no such file.
    private func text(_ path: String) throws(HostDeviceError) -> String? {
        try reading(path) { () throws(Errno) -> String? in
            do throws(Errno) { return try sysfs.text(path) } catch .noSuchFileOrDirectory { return nil }
        }
    }

    /// Further facts about a device that isn't ready. A file that doesn't exist is an answer; one that can't be read is
    /// an error.
    func diagnosis(
        of path: String, on bus: HostDevice.Bus, node: String?
    ) throws(HostDeviceError) -> HostDevice.Diagnosis {
        HostDevice.Diagnosis(
            isVFIODriverLoaded: try exists("bus/\(bus.rawValue)/drivers/\(bus.vfioDriver)"),
            isNoIOMMUModeOn: try text("module/vfio/parameters/enable_unsafe_noiommu_mode").map { $0 == "Y" },
            driverOverride: try driverOverride(of: path),
            isResetRequired: bus == .platform ? try isResetRequired : false,
            isBehindIOMMU: try node.map { node throws(HostDeviceError) in try isThere("\(node)/iommus") } ?? false)
    }

    /// The only driver that may bind to the device; nil if there is no such rule.
    func driverOverride(of path: String) throws(HostDeviceError) -> String? {
        let driver = try text("\(path)/driver_override")
        // The kernel's text when there is no rule.
        return driver == "(null)" || driver?.isEmpty == true ? nil : driver
    }

    /// vfio_platform.reset_required; false when the driver isn't loaded.
    var isResetRequired: Bool {
        get throws(HostDeviceError) { try text("module/vfio_platform/parameters/reset_required") == "Y" }
    }

    /// - Throws: `HostDeviceError.noSysfs` when there is no sysfs at all, as in some containers.
    func checkMounted() throws(HostDeviceError) {
        if try !exists("bus") { throw .noSysfs(device: device, root: sysfs.root) }
    }

    /// Whether an absolute path exists.
    func isThere(_ path: String) throws(HostDeviceError) -> Bool {
        do throws(Errno) {
            _ = try sysfs.system.isDirectory(path)
            return true
        } catch .noSuchFileOrDirectory {
            return false
        } catch { throw .sysfs(device: device, path: path, errno: error) }
    }

    /// Up to three names of devices that the user may have meant.
    ///
    /// A guess that only adds to an error: a bus that can't be read gives no names.
    func similarNames() -> [String] {
        // The name of a node is <node>@<address>.
        let wanted = device.split { $0 == "." || $0 == "@" }.map { $0.lowercased() }
        guard !wanted.isEmpty else { return [] }
        var similar: [String] = []
        for bus in HostDevice.Bus.allCases {
            let names = (try? sysfs.names("bus/\(bus.rawValue)/devices")) ?? []
            // The name of a platform device is <address>.<node>: one matching half is a good guess.
            similar += names.filter { name in
                name.split(separator: ".").contains { wanted.contains($0.lowercased()) }
            }
        }
        return Array(similar.prefix(3))
    }
}
