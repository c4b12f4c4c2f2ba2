// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import DeviceTree
internal import KVM
internal import LinuxSystem
internal import PlatformBus

/// A virtio device of a machine that exists: it is on the bus, its kicks and its interrupt are wired in KVM, and each
/// queue has a thread.
///
/// Ownership: immutable; `registers` has its own locks.
final class LiveVirtioDevice: LiveDevice {
    private let registers: VirtioRegisters
    /// Oldest first: the interrupt's eventfd and its route, each queue's eventfd and its ioeventfd, the attachment to
    /// the bus.
    private let resources: ResourceStack

    /// - Parameters:
    ///   - name: the device's name in messages.
    ///   - threads: the beginning of the threads' names, at most 13 bytes.
    ///   - chainLimit: the largest number of descriptors of a request.
    ///   - handler: creates the handler of a queue's requests.
    /// - Throws: `BoardDeviceError.bus`, `.kvm`, `.call`.
    init(
        _ name: String, threads: String, _ identity: Transport.Identity, chainLimit: Int, at place: Place,
        in context: DeviceContext, handler: () -> any RequestHandler
    ) throws(BoardDeviceError) {
        var stack = ResourceStack()
        do throws(BoardDeviceError) {
            let interrupt = stack.keep(try Self.event(context))
            registers = VirtioRegisters(name: name, identity, interrupt: interrupt, log: context.log)
            let gsi = GSI(rawValue: place.lines[0].rawValue)
            stack.keep(
                try mapError(BoardDeviceError.kvm, try InterruptRoute(context.vm, gsi: gsi, trigger: interrupt)))
        } catch {
            stack.releaseAll()
            throw error
        }
        do throws(BoardDeviceError) {
            try Self.addQueues(
                to: registers, &stack, threads: threads, count: identity.queueLimits.count, chainLimit: chainLimit,
                at: place, in: context, handler: handler)
            stack.keep(try context.attach(registers, name: name, to: place.windows[0]))
        } catch {
            registers.end()
            stack.releaseAll()
            throw error
        }
        resources = stack
    }

    /// Creates the eventfd, the ioeventfd and the thread of each queue.
    private static func addQueues(
        to registers: VirtioRegisters, _ stack: inout ResourceStack, threads: String, count: Int, chainLimit: Int,
        at place: Place, in context: DeviceContext, handler: () -> any RequestHandler
    ) throws(BoardDeviceError) {
        let memory = QueueMemory(context.memory)
        let notify = place.windows[0].base.rawValue &+ TransportRegister.queueNotify.rawValue
        for index in 0..<count {
            let kick = stack.keep(try event(context))
            stack.keep(
                try mapError(
                    BoardDeviceError.kvm,
                    try IOEvent(context.vm, address: notify, length: 4, match: UInt64(index), event: kick)))
            let parts = QueueWorker.Parts(
                memory: memory, handler: handler(), chainLimit: chainLimit,
                interrupt: { registers.noteUsedBuffers() }, fail: { registers.fail(queue: index, $0) },
                system: context.system)
            do { registers.add(try QueueWorker(name: "\(threads)-\(index)", kick: kick, parts)) } catch {
                throw BoardDeviceError.call("pthread_create", errno: error)
            }
        }
    }

    private static func event(_ context: DeviceContext) throws(BoardDeviceError) -> EventDescriptor {
        do { return try EventDescriptor(of: context.system) } catch { throw .call("eventfd", errno: error) }
    }

    /// Ends the threads first, then releases what they used, newest first.
    deinit {
        registers.end()
        resources.releaseAll()
    }

    func pause() { registers.pause() }
    func resume() { registers.resume() }
    func quiesce() { registers.silence() }
}

/// The places of virtio devices, and their device-tree nodes.
enum VirtioSlot {
    /// The first slot: between the board's own devices and the platform bus.
    private static let base: UInt64 = 0x0A00_0000

    /// The window of the device with this number.
    static func window(_ number: Int) -> WindowRequest {
        // Each is on its own page, so that a later version may map it alone.
        let address = base &+ (UInt64(clamping: number) &* BusMap.minimumAlignment)
        return WindowRequest(size: VirtioRegisters.byteCount, .preferred(GuestAddress(address)))
    }

    /// The device-tree node of a device.
    ///
    /// - SeeAlso: Devicetree binding virtio/mmio.yaml
    static func node(at place: Place) -> Node {
        Node(
            place.nodeName("virtio_mmio"),
            [
                "compatible": .string("virtio,mmio"), "reg": place.registers,
                "interrupts": place.interrupt(0, .edge), "dma-coherent": .empty,
            ])
    }
}
