// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import DeviceOptions
internal import LinuxSystem

/// A path for one or several interrupts of a device.
protocol InterruptPath: AnyObject, Sendable {
    var kind: InterruptPathKind { get }
    /// The counters of the interrupt with this index; nil when user space doesn't see it.
    func counters(_ index: Int) -> InterruptCounters?
    /// Removes the wiring, newest first. The counters stay.
    func disconnect()
}

/// Creates an eventfd for a device's interrupt.
func makeEvent(_ system: any SystemCalls, _ device: String) throws(PassthroughError) -> EventDescriptor {
    do { return try EventDescriptor(of: system) } catch { throw .call(device: device, "eventfd", errno: error) }
}

/// Makes `loop` watch a descriptor for a device's interrupt.
func watch(
    _ descriptor: CInt, of device: String, on loop: EventLoop, _ handler: @escaping @Sendable () -> Void
) throws(PassthroughError) -> EventSource {
    do { return try loop.add(descriptor) { _ in handler() } } catch {
        throw .call(device: device, "epoll_ctl", errno: error)
    }
}

/// Creates a timer for a device's interrupts.
func makeTimer(_ system: any SystemCalls, _ device: String) throws(PassthroughError) -> TimerDescriptor {
    do { return try TimerDescriptor(of: system) } catch {
        throw .call(device: device, "timerfd_create", errno: error)
    }
}
