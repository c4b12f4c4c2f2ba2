// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem
internal import VFIO

extension FakeKernel: HostChangeCalls {
    /// Journals "write TEXT > PATH", and acts like sysfs for the files that bind devices to drivers.
    public func writeFile(_ path: String, _ content: [UInt8]) throws(Errno) {
        var text = String(decoding: content, as: UTF8.self)
        if text.hasSuffix("\n") { text.removeLast() }
        try step("write \(text) > \(path)")
        if let errno = withState({ $0.sysfs.refusals[path] }) { throw errno }
        let parts = path.split(separator: "/").map(String.init)
        if parts.last == "driver_override" {
            withState { $0.files[path] = Array((text.isEmpty ? "(null)" : text).utf8) + [0x0A] }
        } else if parts.starts(with: ["sys", "devices", "martlet-hold"]) {
            try hold(text, parts[3])
        } else if parts.count == 4, parts.starts(with: ["sys", "bus"]), parts[3] == "drivers_probe" {
            try probe(text, on: parts[2])
        } else if parts.count == 6, parts.starts(with: ["sys", "bus"]), parts[3] == "drivers" {
            guard withState({ $0.files[path] != nil }) else { throw .noSuchFileOrDirectory }
            if parts[5] == "unbind" { try unbind(text, parts[4]) } else { try bind(text, parts[4], on: parts[2]) }
        } else {
            guard withState({ $0.files[path] != nil }) else { throw .noSuchFileOrDirectory }
            withState { $0.files[path] = content }
        }
        withState { $0.journal.append(.call("write \(text) > \(path)")) }
    }

    /// Journals "flock FOLDER" as held.
    public func lock(_ folder: StateFolder) throws(StateFolderError) -> CInt? {
        let what = "flock \(folder.path)"
        try failState(folder.path)
        let isBusy = withState { state in
            state.sysfs.lockAttemptsRefused -= 1
            return state.sysfs.lockAttemptsRefused >= 0 || state.descriptors.values.contains(what)
        }
        do throws(Errno) {
            if isBusy {
                try step(what)
                return nil
            }
            return try acquireDescriptor(what)
        } catch { throw .call("flock", path: folder.path, error) }
    }

    public func read(_ name: String, in folder: StateFolder, limit: Int) throws(StateFolderError) -> [UInt8]? {
        let path = "\(folder.path)/\(name)"
        try failState(path)
        do throws(Errno) { return try readFile(path, limit: limit) } catch .noSuchFileOrDirectory {
            return nil
        } catch { throw .call("read", path: path, error) }
    }

    /// Journals "create PATH".
    public func save(_ name: String, in folder: StateFolder, _ content: [UInt8]) throws(StateFolderError) {
        let path = "\(folder.path)/\(name)"
        try failState(path)
        do throws(Errno) { try note("create \(path)") } catch { throw .call("write", path: path, error) }
        withState { $0.files[path] = content }
    }

    /// Journals "unlink PATH" if there is such a file.
    public func remove(_ name: String, in folder: StateFolder) throws(StateFolderError) {
        let path = "\(folder.path)/\(name)"
        try failState(path)
        do throws(Errno) { try step("unlink \(path)") } catch { throw .call("unlink", path: path, error) }
        guard withState({ $0.files.removeValue(forKey: path) }) != nil else { return }
        withState { $0.journal.append(.call("unlink \(path)")) }
    }

    public func sleep(milliseconds: Int) { withState { $0.sysfs.sleptMilliseconds += milliseconds } }

    private func failState(_ path: String) throws(StateFolderError) {
        if let error = withState({ $0.sysfs.stateErrors[path] }) { throw error }
    }

    // MARK: Drivers

    /// Acts like host-module/main.c.
    private func hold(_ device: String, _ file: String) throws(Errno) {
        let path = "/sys/devices/martlet-hold/held"
        let line = "\(device) supplies=1 power-domains=2 clocks=4 resets=2/2\n"
        let errno: Errno? = withState { state in
            guard let held = state.files[path].map({ String(decoding: $0, as: UTF8.self) }) else {
                return .noSuchFileOrDirectory
            }
            var lines = held.split(separator: "\n").map { "\($0)\n" }
            let place = lines.firstIndex(of: line)
            if file == "hold" {
                if place != nil { return .resourceBusy }
                lines.append(line)
            } else {
                guard let place else { return .noSuchFileOrDirectory }
                lines.remove(at: place)
            }
            state.files[path] = Array(lines.joined().utf8)
            return nil
        }
        if let errno { throw errno }
    }

    private func unbind(_ device: String, _ driver: String) throws(Errno) {
        let folder = "/sys/devices/platform/\(device)"
        let had = withState { state in
            guard state.links["\(folder)/driver"]?.hasSuffix("/\(driver)") == true else { return false }
            state.links["\(folder)/driver"] = nil
            // VFIO removes the group that it has created.
            if driver.hasPrefix("vfio-"), let group = state.links["\(folder)/iommu_group"]?.split(separator: "/").last,
                state.files["/sys/kernel/iommu_groups/\(group)/name"] == Array("vfio-noiommu\n".utf8)
            {
                state.links["\(folder)/iommu_group"] = nil
                state.links["/sys/kernel/iommu_groups/\(group)/devices/\(device)"] = nil
            }
            return true
        }
        if !had { throw .operationNotSupportedByDevice }
    }

    private func bind(_ device: String, _ driver: String, on bus: String) throws(Errno) {
        let folder = "/sys/devices/platform/\(device)"
        let errno: Errno? = withState { state in
            guard state.links["/sys/bus/\(bus)/devices/\(device)"] != nil else { return .operationNotSupportedByDevice }
            if state.links["\(folder)/driver"] != nil { return .resourceBusy }
            let rule = state.files["\(folder)/driver_override"].map { String(decoding: $0.dropLast(), as: UTF8.self) }
            let allowed = rule.flatMap { $0 == "(null)" ? nil : $0 }
            // VFIO's drivers match only with the rule.
            guard allowed == nil && !driver.hasPrefix("vfio-") || allowed == driver else {
                return .operationNotSupportedByDevice
            }
            if driver.hasPrefix("vfio-"), state.links["\(folder)/iommu_group"] == nil {
                let mode = state.files["/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"]
                guard mode == Array("Y\n".utf8) else { return .invalidArgument }
                let group = "/sys/kernel/iommu_groups/99"
                state.files["\(group)/name"] = Array("vfio-noiommu\n".utf8)
                state.links["\(group)/devices/\(device)"] = "../../../../devices/platform/\(device)"
                state.links["\(folder)/iommu_group"] = "../../../kernel/iommu_groups/99"
                state.devices.insert("/dev/vfio/noiommu-99")
            }
            let group = state.links["\(folder)/iommu_group"]?.split(separator: "/").last
            if driver.hasPrefix("vfio-"), let group, group != "99" { state.devices.insert("/dev/vfio/\(group)") }
            state.links["\(folder)/driver"] = "../../../bus/\(bus)/drivers/\(driver)"
            return nil
        }
        if let errno { throw errno }
    }

    /// Always EINVAL, as drivers/base/bus.c answers.
    private func probe(_ device: String, on bus: String) throws(Errno) {
        let rule = withState { $0.files["/sys/devices/platform/\(device)/driver_override"] }
        let allowed = rule.map { String(decoding: $0.dropLast(), as: UTF8.self) }.flatMap { $0 == "(null)" ? nil : $0 }
        guard let driver = allowed ?? withState({ $0.sysfs.naturalDrivers[device] }) else { throw .invalidArgument }
        do { try bind(device, driver, on: bus) } catch { throw .invalidArgument }
    }
}

extension FakeKernel: DebugFSCalls {
    public func readDebugFS(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        try step("debugfs \(path)")
        guard let files = withState({ $0.sysfs.unmountedDebugFS }) else { throw .notPermitted }
        guard let content = files[path] else { throw .noSuchFileOrDirectory }
        guard content.count <= limit else { throw .fileTooLarge }
        return content
    }
}

/// The host's drivers in the fake.
public struct FakeSysfsState {
    /// The errno for a write to a file.
    public var refusals: [String: Errno] = [:]
    /// The driver of the host that matches a device.
    public var naturalDrivers: [String: String] = [:]
    /// The errors for Martlet's own folders and files, by path.
    public var stateErrors: [String: StateFolderError] = [:]
    /// How many further attempts to lock such a folder find it locked by another process.
    public var lockAttemptsRefused = 0
    /// Files of debugfs, which isn't mounted; nil when it isn't available.
    public var unmountedDebugFS: [String: [UInt8]]?
    /// The total time of all sleeps.
    public var sleptMilliseconds = 0

    public init() {}
}
