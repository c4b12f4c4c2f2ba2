// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

import LinuxSystem
import Testing

@testable import KVM

@Suite struct KVMErrorTests {
    @Test func `every text says what failed and what to do`() {
        #expect(
            KVMError.open(path: "/dev/kvm", errno: .resourceBusy).description
                == "/dev/kvm: EBUSY (Device or resource busy)")
        #expect(
            KVMError.apiVersion(found: 11).description
                == "/dev/kvm: KVM has API version 11, and Martlet needs 12\n  update the host kernel")
        #expect(
            KVMError.missingCapability("KVM_CAP_IRQFD").description == """
                /dev/kvm: the host kernel lacks KVM_CAP_IRQFD, which Martlet needs
                  update the host kernel
                """)
        #expect(
            KVMError.vcpuCount(wanted: 16, limit: 8).description == """
                machine-config.vcpu_count is 16, but this host's KVM allows at most 8
                  reduce machine-config.vcpu_count
                """)
        #expect(
            KVMError.call("KVM_CREATE_VM", errno: .noMemory).description
                == "KVM_CREATE_VM: ENOMEM (Cannot allocate memory)")
    }

    @Test func `a process without free descriptors is told how to get more`() {
        let errors: [KVMError] = [
            .open(path: "/dev/kvm", errno: .tooManyOpenFiles), .call("KVM_CREATE_VM", errno: .tooManyOpenFiles),
            .vcpuInit(index: 0, errno: .tooManyOpenFiles), .vfioGroup(errno: .tooManyOpenFiles),
            .irqfd(gsi: GSI(rawValue: 1), errno: .tooManyOpenFiles), .ioeventfd(address: 0, errno: .tooManyOpenFiles),
        ]
        for error in errors {
            #expect(
                error.description.hasSuffix(
                    """
                    : EMFILE (Too many open files)
                      this process has reached its limit of open descriptors
                      run: ulimit -n 4096
                    """))
        }
    }

    /// A KVM of another architecture has no PSCI: an update won't help.
    @Test func `a KVM of another architecture is named as such`() {
        #expect(
            KVMError.missingCapability("KVM_CAP_ARM_PSCI_0_2").description == """
                /dev/kvm: the host kernel lacks KVM_CAP_ARM_PSCI_0_2, which arm64 guests need
                  run martlet on an arm64 host
                """)
    }
}
