// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

internal import Board
internal import DeviceTree
internal import KVM
internal import LinuxSystem
internal import PlatformBus

/// A virtio device of a machine that exists: on the bus, with its kicks and its interrupt wired in KVM, and a thread for
/// each queue.
///
/// Ownership: immutable; `registers` guards itself.
final class LiveVirtioDevice: LiveDevice {
    private let registers: VirtioRegisters
    /// Oldest first: the interrupt's eventfd and its wire, each queue's eventfd and its wire, the place on the bus.
    private let resources: ResourceStack

    /// - Parameters:
    ///   - name: the device's in messages.
    ///   - threads: the beginning of the threads' names, at most 13 bytes.
    ///   - chainLimit: the greatest number of descriptors of a request.
    ///   - handler: makes what handles a queue's requests.
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

    /// Gives each queue its eventfd, its wire and its thread.
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

    /// The threads go first, and then what they used, newest first.
    deinit {
        registers.end()
        resources.releaseAll()
    }

    func pause() { registers.pause() }
    func resume() { registers.resume() }
    func quiesce() { registers.silence() }
}

/// Where virtio devices go, and what the guest's device tree says of them.
enum VirtioSlot {
    /// The first of them: between the board's own devices and the platform bus.
    private static let base: UInt64 = 0x0A00_0000

    /// The window of the device with this number.
    static func window(_ number: Int) -> WindowRequest {
        // Each on a page of its own, so that a later one may be mapped by itself.
        let address = base &+ (UInt64(clamping: number) &* BusMap.minimumAlignment)
        return WindowRequest(size: VirtioRegisters.byteCount, .preferred(GuestAddress(address)))
    }

    /// The node of a device.
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
