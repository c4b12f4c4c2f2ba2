// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The protocol documents each call.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import LinuxSystem

/// The calls that the fake passes to the real kernel: streams, threads, terminals, clocks, and the files that the user
/// asked for, for which tests use descriptors and folders of their own.
extension FakeKernel {
    private var kernel: LinuxKernel { LinuxKernel() }

    // MARK: FileCalls

    public func duplicate(_ descriptor: CInt) throws(Errno) -> CInt {
        try acquireRealDescriptor("dup") { () throws(Errno) in try kernel.duplicate(descriptor) }
    }
    public func read(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int
    ) throws(Errno) -> Int {
        try kernel.read(descriptor, buffer, count)
    }
    public func write(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        try kernel.write(descriptor, buffer, count)
    }

    // MARK: OutputCalls

    public func create(_ path: String, _ creation: FileCreation) throws(Errno) -> CInt {
        try acquireRealDescriptor("create \(path)") { () throws(Errno) in try kernel.create(path, creation) }
    }
    public func nameFile(_ descriptor: CInt, _ path: String) throws(Errno) { try kernel.nameFile(descriptor, path) }
    public func renameFile(_ path: String, to newPath: String) throws(Errno) {
        try kernel.renameFile(path, to: newPath)
    }
    public func removeFile(_ path: String) throws(Errno) { try kernel.removeFile(path) }
    public func setSize(_ descriptor: CInt, _ size: UInt64) throws(Errno) { try kernel.setSize(descriptor, size) }
    public func setMode(_ descriptor: CInt, _ mode: UInt32) throws(Errno) { try kernel.setMode(descriptor, mode) }
    public func fileMode(_ descriptor: CInt) throws(Errno) -> UInt32 { try kernel.fileMode(descriptor) }

    // MARK: StreamCalls

    public func reopen(_ descriptor: CInt, forWriting: Bool) throws(Errno) -> CInt {
        let new = try kernel.reopen(descriptor, forWriting: forWriting)
        withState { _ = $0.reopened.insert(new) }
        return new
    }
    public func send(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        try kernel.send(descriptor, buffer, count)
    }
    public func receive(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int
    ) throws(Errno) -> Int {
        try kernel.receive(descriptor, buffer, count)
    }
    public func readBriefly(
        _ descriptor: CInt, _ buffer: UnsafeMutableRawPointer, _ count: Int
    ) throws(Errno) -> Int {
        try kernel.readBriefly(descriptor, buffer, count)
    }
    public func writeBriefly(_ descriptor: CInt, _ buffer: UnsafeRawPointer, _ count: Int) throws(Errno) -> Int {
        try kernel.writeBriefly(descriptor, buffer, count)
    }
    public func waitUntilReadable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool {
        try kernel.waitUntilReadable(descriptor, milliseconds: milliseconds)
    }
    public func waitUntilWritable(_ descriptor: CInt, milliseconds: CInt) throws(Errno) -> Bool {
        try kernel.waitUntilWritable(descriptor, milliseconds: milliseconds)
    }
    public func waitUntilReadable(
        _ first: CInt, or second: CInt, milliseconds: CInt
    ) throws(Errno) -> (first: Bool, second: Bool) {
        try kernel.waitUntilReadable(first, or: second, milliseconds: milliseconds)
    }

    // MARK: ThreadCalls

    public func startThread(
        name: String, context: UnsafeMutableRawPointer, body: @convention(c) (UnsafeMutableRawPointer) -> Void
    ) throws(Errno) -> UInt64 {
        try kernel.startThread(name: name, context: context, body: body)
    }
    public func joinThread(_ thread: UInt64) { kernel.joinThread(thread) }
    public func kickThread(_ thread: UInt64) { kernel.kickThread(thread) }
    public func installKickHandler() throws(Errno) { try kernel.installKickHandler() }
    public func blockSignal(_ signal: CInt) throws(Errno) { try kernel.blockSignal(signal) }
    public func blockAllSignals() -> SignalMask { kernel.blockAllSignals() }
    public func restoreSignals(_ mask: SignalMask) { kernel.restoreSignals(mask) }
    public func waitForChange(of word: UnsafeMutablePointer<UInt32>, since seen: UInt32) {
        kernel.waitForChange(of: word, since: seen)
    }
    public func signalChange(of word: UnsafeMutablePointer<UInt32>) { kernel.signalChange(of: word) }

    // MARK: ProcessCalls

    public func ignoreBrokenPipes() throws(Errno) { try kernel.ignoreBrokenPipes() }
    public func reserveStandardDescriptors() throws(Errno) { try kernel.reserveStandardDescriptors() }
    public func closeAllOnExec() throws(Errno) { try kernel.closeAllOnExec() }
    public func exit(_ status: CInt) -> Never { kernel.exit(status) }

    // MARK: TerminalCalls

    public func isTerminal(_ descriptor: CInt) -> Bool { kernel.isTerminal(descriptor) }
    public func isForeground(_ descriptor: CInt) -> Bool { kernel.isForeground(descriptor) }
    public func terminalMode(of descriptor: CInt) throws(Errno) -> TerminalMode {
        try kernel.terminalMode(of: descriptor)
    }
    public func setTerminalMode(of descriptor: CInt, to mode: TerminalMode) throws(Errno) {
        try kernel.setTerminalMode(of: descriptor, to: mode)
    }
    public func guardTerminal(_ descriptor: CInt, mode: TerminalMode) {
        kernel.guardTerminal(descriptor, mode: mode)
    }
    public func unguardTerminal(_ descriptor: CInt) { kernel.unguardTerminal(descriptor) }

    // MARK: ClockCalls

    public var monotonicNanoseconds: UInt64 { kernel.monotonicNanoseconds }
    public var realtimeSeconds: Int64 { kernel.realtimeSeconds }
}
