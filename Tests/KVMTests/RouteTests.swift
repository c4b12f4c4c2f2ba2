// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import KernelFakes
import LinuxSystem
import Testing

@testable import KVM

/// What ties eventfds and VFIO groups to a VM, and is untied again.
@Suite struct RouteTests {
    private let kernel = fakeKVM()
    private let vm: VirtualMachine
    private let gsi = GSI(rawValue: 5)

    init() throws { vm = try VirtualMachine(try Hypervisor(calls: kernel), addressBits: 40) }

    // MARK: irqfd

    @Test func `an edge route has no resample`() throws {
        let trigger = try EventDescriptor(of: kernel)
        var route: InterruptRoute? = try InterruptRoute(vm, gsi: gsi, trigger: trigger)
        #expect(route?.gsi == gsi)
        let set = try #require(kernel.withState { $0.kvm.irqfds[5] })
        #expect(set.trigger == trigger.rawValue)
        #expect(set.resample == nil)
        route = nil
        #expect(kernel.withState { $0.kvm.irqfds.isEmpty })
        #expect(kernel.calls("KVM_IRQFD") == ["+ KVM_IRQFD 5", "- KVM_IRQFD 5"])
    }

    @Test func `a level route has one and keeps both open`() throws {
        let held = kernel.held
        do {
            let route = try {
                let trigger = try EventDescriptor(of: kernel)
                let resample = try EventDescriptor(of: kernel)
                let route = try InterruptRoute(vm, gsi: gsi, trigger: trigger, resample: resample)
                #expect(kernel.withState { $0.kvm.irqfds[5]?.resample } == resample.rawValue)
                return route
            }()
            withExtendedLifetime(route) { #expect(kernel.held == held + ["eventfd", "eventfd", "KVM_IRQFD 5"]) }
        }
        #expect(kernel.held == held)
        // The route went before the eventfds that it was made of.
        #expect(kernel.calls("").suffix(3) == ["- KVM_IRQFD 5", "- eventfd", "- eventfd"])
    }

    @Test(arguments: [
        (Errno.resourceBusy, "KVM_IRQFD for SPI 5: EBUSY (the eventfd is assigned already)"),
        (.invalidArgument, "KVM_IRQFD for SPI 5: EINVAL (the GSI has no route, or the kernel lacks resamplefd)"),
        (.noMemory, "KVM_IRQFD for SPI 5: ENOMEM (Cannot allocate memory)"),
    ])
    func `a refused route is not taken away`(errno: Errno, text: String) throws {
        let trigger = try EventDescriptor(of: kernel)
        kernel.withState { state in
            state.failingCall = state.callCount + 1
            state.failure = errno
        }
        let error = #expect(throws: KVMError.self) { try InterruptRoute(vm, gsi: gsi, trigger: trigger) }
        #expect(error?.description == text)
        #expect(kernel.calls("KVM_IRQFD").isEmpty)
    }

    // MARK: ioeventfd

    @Test(arguments: [nil, 0, 7] as [UInt64?])
    func `an IO event is set and taken away alike`(match: UInt64?) throws {
        let event = try EventDescriptor(of: kernel)
        var io: IOEvent? = try IOEvent(vm, address: 0x1050, length: 4, match: match, event: event)
        let set = kernel.withState { $0.kvm.ioeventfds }
        #expect(set.count == 1)
        #expect(set.first?.address == 0x1050)
        #expect(set.first?.length == 4)
        #expect(set.first?.match == match)
        #expect(set.first?.event == event.rawValue)
        withExtendedLifetime(io) {}
        io = nil
        // The fake only knows the very same one again.
        #expect(kernel.calls("KVM_IOEVENTFD") == ["+ KVM_IOEVENTFD 4176", "- KVM_IOEVENTFD 4176"])
    }

    @Test func `a refused IO event is not taken away`() throws {
        let event = try EventDescriptor(of: kernel)
        kernel.withState { state in
            state.failingCall = state.callCount + 1
            state.failure = .fileExists
        }
        let error = #expect(throws: KVMError.self) { try IOEvent(vm, address: 0x1050, length: 4, event: event) }
        #expect(error == .ioeventfd(address: 0x1050, errno: .fileExists))
        #expect(kernel.calls("KVM_IOEVENTFD").isEmpty)
    }

    // MARK: VFIO

    @Test func `a group is registered for as long as its registration lives`() throws {
        let held = kernel.held
        kernel.withState { _ = $0.devices.insert("/dev/vfio/7") }
        let group = OwnedDescriptor(adopting: try kernel.open("/dev/vfio/7", .readWrite), of: kernel)
        do {
            let registration = try VFIOLink.Registration(try VFIOLink(vm), group: group.rawValue)
            withExtendedLifetime(registration) {
                #expect(
                    kernel.held.suffix(2) == [
                        "KVM_CREATE_DEVICE 4", "KVM_DEV_VFIO_GROUP_ADD open /dev/vfio/7",
                    ])
            }
        }
        #expect(kernel.held == held + ["open /dev/vfio/7"])
        #expect(kernel.releasedInReverseOrder, "\(kernel.journal)")
    }

    @Test func `a refused group is not taken away`() throws {
        let link = try VFIOLink(vm)
        kernel.withState { state in
            state.failingCall = state.callCount + 1
            state.failure = .fileExists
        }
        let error = #expect(throws: KVMError.self) { try VFIOLink.Registration(link, group: 3) }
        #expect(error == .vfioGroup(errno: .fileExists))
        #expect(kernel.calls("KVM_DEV_VFIO_GROUP_ADD").isEmpty)
    }

    // MARK: KVM_IRQ_LINE

    /// api.rst, 4.25: bits 27:24 are 1 for an SPI, bits 15:0 its intid.
    @Test(arguments: [(0, 0x0100_0020), (5, 0x0100_0025), (959, 0x0100_03DF)] as [(UInt32, UInt32)])
    func `a line is encoded as an SPI`(number: UInt32, encoding: UInt32) throws {
        try vm.setInterruptLine(GSI(rawValue: number), high: true)
        #expect(kernel.withState { $0.kvm.lines } == [encoding: true])
        try vm.setInterruptLine(GSI(rawValue: number), high: false)
        #expect(kernel.withState { $0.kvm.lines } == [encoding: false])
    }

    @Test(arguments: [UInt32.max, 0xFFFF_FFE0])
    func `a number that no interrupt has is an error`(number: UInt32) {
        #expect(throws: KVMError.call("KVM_IRQ_LINE", errno: .invalidArgument)) {
            try vm.setInterruptLine(GSI(rawValue: number), high: true)
        }
    }
}
