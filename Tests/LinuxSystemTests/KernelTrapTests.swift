// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import Glibc
import LinuxSystem
import Testing

/// EBADF and EFAULT end the process where only Martlet's own descriptors and memory can be meant, and are errors like
/// others everywhere else.
@Suite struct KernelTrapTests {
    private let kernel = LinuxKernel()

    private func text(_ result: ExitTest.Result?) -> String {
        String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    }

    @Test func `a second close ends the process with the call's name`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let event = try LinuxKernel().createEventDescriptor()
            LinuxKernel().close(event)
            LinuxKernel().close(event)
        }
        #expect(text(result).contains("close: EBADF (Bad file descriptor)"), "\(text(result))")
    }

    @Test func `a descriptor of our own that is used after its close ends the process`() async {
        let event = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let event = try LinuxKernel().createEventDescriptor()
            LinuxKernel().close(event)
            LinuxKernel().addToCount(of: event)
        }
        #expect(text(event).contains("write of an eventfd: EBADF"), "\(text(event))")
        let timer = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let timer = try LinuxKernel().createTimer()
            LinuxKernel().close(timer)
            LinuxKernel().setTimer(timer, nanoseconds: 1)
        }
        #expect(text(timer).contains("timerfd_settime: EBADF"), "\(text(timer))")
    }

    @Test func `a source that outlives its descriptor ends the process`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let loop = try EventLoop()
            let event = try LinuxKernel().createEventDescriptor()
            let source = try loop.add(event) { _ in }
            LinuxKernel().close(event)
            source.stop()
        }
        #expect(text(result).contains("epoll_ctl(EPOLL_CTL_DEL): EBADF"), "\(text(result))")
    }

    /// `iommufd_fd` may be the number of what Martlet has opened, which is closed twice then.
    @Test func `with a descriptor that was handed in by its number, a second close is nobody's proven bug`() async {
        await #expect(processExitsWith: .success) {
            let event = try LinuxKernel().createEventDescriptor()
            LinuxKernel().noteHandedInDescriptor()
            LinuxKernel().close(event)
            LinuxKernel().close(event)
            LinuxKernel().addToCount(of: event)
        }
    }

    @Test func `what the user hands in may be no descriptor at all`() throws {
        var byte: UInt8 = 0
        #expect(throws: Errno.badFileDescriptor) { try kernel.read(-1, &byte, 1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.write(-1, &byte, 1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.duplicate(-1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.closeFile(-1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.receive(-1, &byte, 1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.fileStatus(-1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.terminalMode(of: -1) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.mapShared(-1, offset: 0, size: 4096) }
        #expect(throws: Errno.badFileDescriptor) { try kernel.allocateMemory(ofHeap: -1, size: 4096) }
    }

    /// A driver may read from where there is nothing: /proc/kcore, a VFIO region.
    @Test func `an address that a driver can't read is an error`() throws {
        let zero = try kernel.open("/dev/zero", .readOnly)
        defer { kernel.close(zero) }
        let nothing = try #require(UnsafeMutableRawPointer(bitPattern: 16))
        // Safety: the kernel refuses the address; nobody else uses it.
        #expect(throws: Errno.badAddress) { try kernel.read(zero, nothing, 16) }
        #expect(throws: Errno.badAddress) {
            try kernel.pread(zero, UnsafeMutableRawBufferPointer(start: nothing, count: 16), at: 0)
        }
    }
}
