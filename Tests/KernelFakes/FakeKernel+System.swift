// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import CLinux
public import LinuxSystem

extension FakeKernel: SystemCalls {
    private static let memoryPrefix = "memfd_create "

    public func open(_ path: String, _ access: OpenAccess) throws(Errno) -> CInt {
        let known = withState { $0.devices.contains(path) || $0.files[path] != nil }
        if withState({ $0.busyNodes.contains(path) }) { throw .resourceBusy }
        guard known else { throw .noSuchFileOrDirectory }
        return try acquireDescriptor("open \(path)")
    }

    public func close(_ descriptor: CInt) {
        let isReal = withState { state in
            guard let what = state.descriptors.removeValue(forKey: descriptor) else {
                state.journal.append(.release("close of a stranger: \(descriptor)"))
                return false
            }
            let keepsMemory =
                (what.hasPrefix(Self.memoryPrefix) || what.hasPrefix(Self.heapPrefix))
                && state.mappings.values.contains { $0.descriptor == descriptor }
            state.locks[descriptor] = nil
            // Otherwise the loop would get events of the next file with that number.
            if state.watched[descriptor] != nil { state.journal.append(.release("close of a watched \(what)")) }
            state.watched = state.watched.filter { $0.key != descriptor && $0.value.poll != descriptor }
            state.journal.append(keepsMemory ? .handOver(what) : .release(what))
            return descriptor < Self.firstFakeDescriptor
        }
        if isReal { LinuxKernel().close(descriptor) }
    }

    public func closeFile(_ descriptor: CInt) throws(Errno) {
        let isReopened = withState { $0.reopened.remove(descriptor) != nil }
        if isReopened { try LinuxKernel().closeFile(descriptor) } else { close(descriptor) }
    }

    public func readFile(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        try step("read \(path)")
        guard let content = withState({ $0.files[path] }) else { throw .noSuchFileOrDirectory }
        guard content.count <= limit else { throw .fileTooLarge }
        return content
    }

    public func listDirectory(_ path: String) throws(Errno) -> [String] {
        try step("list \(path)")
        let names = withState { state in
            let paths = Array(state.files.keys) + Array(state.links.keys) + Array(state.devices)
            return Set(
                paths.filter { $0.hasPrefix(path + "/") }.compactMap {
                    $0.dropFirst(path.count).split(separator: "/").first
                }.map(String.init))
        }
        guard !names.isEmpty else { throw .noSuchFileOrDirectory }
        return names.sorted()
    }

    public func readLink(_ path: String) throws(Errno) -> String {
        try step("readlink \(path)")
        if path.hasPrefix("/proc/self/fd/"), let number = CInt(path.dropFirst("/proc/self/fd/".count)),
            withState({ $0.descriptors[number] != nil }), let file = name(of: number).split(separator: " ").last
        {
            return String(file)
        }
        guard let target = withState({ $0.links[path] }) else { throw .noSuchFileOrDirectory }
        return target
    }

    public func isDirectory(_ path: String) throws(Errno) -> Bool {
        try step("stat \(path)")
        let (isFile, isFolder) = withState { state in
            (
                state.files[path] != nil || state.devices.contains(path),
                state.links[path] != nil
                    || (Array(state.files.keys) + Array(state.links.keys) + Array(state.devices)).contains {
                        $0.hasPrefix(path + "/")
                    }
            )
        }
        guard isFile || isFolder else { throw .noSuchFileOrDirectory }
        return isFolder
    }

    public func openWithoutWaiting(_ path: String) throws(Errno) -> CInt { try open(path, .readOnly) }

    public func fileStatus(_ descriptor: CInt) throws(Errno) -> FileStatus {
        // A descriptor of the test itself.
        if name(of: descriptor) == "?" { return try LinuxKernel().fileStatus(descriptor) }
        try step("fstat \(name(of: descriptor))")
        if withState({ $0.blockDevices["\($0.descriptors[descriptor]?.dropFirst("open ".count) ?? "")"] != nil }) {
            return FileStatus(kind: .blockDevice, size: 0)
        }
        guard let content = content(of: descriptor) else { return FileStatus(kind: .characterDevice, size: 0) }
        return FileStatus(kind: .regular, size: UInt64(content.count))
    }

    public func fileKind(_ path: String) throws(Errno) -> FileKind {
        try isDirectory(path) ? .directory : withState { $0.files[path] != nil } ? .regular : .characterDevice
    }

    /// The content of the file that was opened as `descriptor`.
    private func content(of descriptor: CInt) -> [UInt8]? {
        withState { $0.files[String($0.descriptors[descriptor]?.dropFirst("open ".count) ?? "")] }
    }

    public func pread(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        try step("pread \(name(of: descriptor))")
        if let count = readPageMap(descriptor, buffer, at: offset) ?? readCore(descriptor, buffer, at: offset) {
            return count
        }
        if let content = content(of: descriptor) {
            let rest = content.dropFirst(Int(clamping: offset)).prefix(buffer.count)
            buffer.copyBytes(from: rest)
            return rest.count
        }
        return readDevice(descriptor, buffer, at: offset)
    }

    public func pwrite(_ descriptor: CInt, _ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        try step("pwrite \(name(of: descriptor))")
        return writeDevice(descriptor, buffer, at: offset)
    }

    public func createMemory(name: String, size: UInt64, hugePageSize: UInt64?) throws(Errno) -> CInt {
        let descriptor = try acquireDescriptor(Self.memoryPrefix + name)
        do { try takeHugePages(descriptor, size: size, hugePageSize) } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    public func mapShared(_ descriptor: CInt, offset: UInt64, size: UInt64) throws(Errno) -> UInt {
        let what = "mmap \(name(of: descriptor))"
        if lacksHugePages(descriptor) { throw .noMemory }
        try acquire(what)
        // Pages are allocated when they are touched.
        let address = clinux_mmap(
            nil, Int(size), CInt(CLINUX_MAP_READ_WRITE), CInt(CLINUX_MAP_RESERVATION), -1, 0)
        withState { state in
            state.mappings[UInt(bitPattern: address)] = Mapping(what: what, descriptor: descriptor, size: size)
        }
        return UInt(bitPattern: address)
    }

    public func unmap(address: UInt, size: UInt64) {
        withState { state in
            state.journal.append(.release(state.mappings.removeValue(forKey: address)?.what ?? "munmap of a stranger"))
        }
        guard let pointer = UnsafeMutableRawPointer(bitPattern: address) else { return }
        _ = clinux_munmap(pointer, Int(size))
    }

    public func adviseHugePages(address: UInt, size: UInt64) throws(Errno) { try step("madvise") }

    public func excludeFromCoreDumps(address: UInt, size: UInt64) throws(Errno) {
        try step("madvise(MADV_DONTDUMP)")
        let isWhole = withState { state in
            guard state.mappings[address]?.size == size else { return false }
            state.mappings[address]?.isExcludedFromCoreDumps = true
            return true
        }
        if !isWhole { throw .noMemory }
    }

    public func fillRandom(_ buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        try step("getrandom")
        for index in buffer.indices { buffer[index] = UInt8.random(in: 0...255) }
        return buffer.count
    }

    public func setAffinity(_ cpus: [Int]) throws(Errno) {
        try step("sched_setaffinity \(cpus)")
        let usable = withState { state in cpus.filter { state.usableCPUs.contains($0) } }
        if usable.isEmpty { throw .invalidArgument }
        withState { $0.affinities.append(usable) }
    }

    public func openKernelLog() throws(Errno) -> CInt {
        guard withState({ $0.kernelLog != nil }) else { throw .noSuchFileOrDirectory }
        return try acquireDescriptor("open /dev/kmsg")
    }

    public func readKernelLog(_ descriptor: CInt, limit: Int) throws(Errno) -> [UInt8] {
        try step("read \(name(of: descriptor))")
        let record: [UInt8]? = withState { state in
            state.kernelLog?.isEmpty == false ? state.kernelLog?.removeFirst() : nil
        }
        guard let record else { throw .resourceTemporarilyUnavailable }
        guard record.count <= limit else { throw .invalidArgument }
        return record
    }

    public func run(
        _ program: String, _ arguments: [String], input: [UInt8], outputLimit: Int
    ) throws(Errno) -> ProgramRun {
        try note("run \(([program] + arguments).joined(separator: " "))")
        withState { $0.programInputs[program] = input }
        guard let run = withState({ $0.programs[program] }) else { throw .noSuchFileOrDirectory }
        guard run.output.count <= outputLimit else { throw .fileTooLarge }
        return run
    }
}
