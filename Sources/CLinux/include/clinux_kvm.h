// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The KVM ioctls, one function each, with the kernel's convention: a negative result is -errno.
// Source: Documentation/virt/kvm/api.rst, Documentation/virt/kvm/devices/{arm-vgic,arm-vgic-v3,vfio}.rst,
// arch/arm64/include/uapi/asm/kvm.h. The arm64 half of the ABI is spelt out in clinux_kvm.c, so that the
// modules above build, and are tested on fakes, on any architecture.

#pragma once

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

int clinux_kvm_get_api_version(int kvm);
int clinux_kvm_create_vm(int kvm, unsigned long type);
int clinux_kvm_get_vcpu_mmap_size(int kvm);
/// `fd` is /dev/kvm or a VM: the value of a KVM_CAP_*.
int clinux_kvm_check_extension(int fd, int capability);
int clinux_kvm_enable_capability(int vm, uint32_t capability);

int clinux_kvm_set_user_memory_region(int vm, uint32_t slot, uint32_t flags, uint64_t guest_address, uint64_t size,
                                      uint64_t host_address);
int clinux_kvm_create_vcpu(int vm, unsigned long index);
int clinux_kvm_irqfd(int vm, int fd, uint32_t gsi, uint32_t flags, int resamplefd);
int clinux_kvm_ioeventfd(int vm, uint64_t address, uint32_t length, int fd, uint32_t flags, uint64_t datamatch);
int clinux_kvm_irq_line(int vm, uint32_t irq, bool level);
/// Returns the device's descriptor, 0 with KVM_CREATE_DEVICE_TEST, or -errno.
int clinux_kvm_create_device(int vm, uint32_t type, uint32_t flags);
int clinux_kvm_set_device_attribute(int device, uint32_t group, uint64_t attribute, const void *_Nullable value);

/// Puts the vCPU into its reset state for this host's preferred target, with `features` (bit numbers of
/// KVM_ARM_VCPU_*).
int clinux_kvm_arm_vcpu_init(int vm, int vcpu, uint32_t features);
int clinux_kvm_get_one_reg(int vcpu, uint64_t id, uint64_t *_Nonnull value);
int clinux_kvm_set_one_reg(int vcpu, uint64_t id, uint64_t value);
/// For the vector registers, of 128 bits.
int clinux_kvm_get_one_reg_128(int vcpu, uint64_t id, uint64_t *_Nonnull low, uint64_t *_Nonnull high);
int clinux_kvm_set_one_reg_128(int vcpu, uint64_t id, uint64_t low, uint64_t high);
/// Makes the vCPU take a synchronous external data abort when it next runs; FAR_EL1 is that of its last exit.
int clinux_kvm_arm_inject_data_abort(int vcpu);
int clinux_kvm_run(int vcpu);

/// The arm64 feature bits of KVM_ARM_VCPU_INIT.
enum { CLINUX_ARM_VCPU_POWER_OFF = 0, CLINUX_ARM_VCPU_PSCI_0_2 = 2 };

/// The attributes of the vGIC devices.
enum {
    CLINUX_VGIC_GROUP_ADDRESS = 0,
    CLINUX_VGIC_GROUP_DISTRIBUTOR_REGISTERS = 1,
    CLINUX_VGIC_GROUP_IRQ_COUNT = 3,
    CLINUX_VGIC_GROUP_CONTROL = 4,
    CLINUX_VGIC_V2_DISTRIBUTOR = 0,
    CLINUX_VGIC_V2_CPU_INTERFACE = 1,
    CLINUX_VGIC_V3_DISTRIBUTOR = 2,
    CLINUX_VGIC_V3_REDISTRIBUTOR = 3,
    CLINUX_VGIC_CONTROL_INIT = 0,
};

/// The offsets of fields in the arm64 `struct kvm_regs`.
enum {
    CLINUX_ARM_REGS_SP = 31 * 8,
    CLINUX_ARM_REGS_PC = 32 * 8,
    CLINUX_ARM_REGS_PSTATE = 33 * 8,
    CLINUX_ARM_REGS_SP_EL1 = 34 * 8,
    // Behind sp_el1, elr_el1 and spsr[5], and aligned to 16 bytes.
    CLINUX_ARM_REGS_VECTORS = 336,
};

/// The identifier of core register `struct kvm_regs.regs.<field at byte_offset>`, 64 bits wide.
uint64_t clinux_kvm_arm_core_register(uint64_t byte_offset);
/// The identifier of vector register `number`, 128 bits wide.
uint64_t clinux_kvm_arm_vector_register(uint64_t number);
/// The identifier of a system register by its encoding.
uint64_t clinux_kvm_arm_system_register(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2);

// struct kvm_run, shared with the kernel for each vCPU

typedef struct {
    uint64_t address;
    uint64_t value;
    uint32_t length;
    bool is_write;
} clinux_kvm_mmio;

static inline uint32_t clinux_kvm_run_exit_reason(const void *_Nonnull run) {
    return ((const struct kvm_run *)run)->exit_reason;
}

static inline clinux_kvm_mmio clinux_kvm_run_mmio(const void *_Nonnull run) {
    const struct kvm_run *state = run;
    clinux_kvm_mmio access = {state->mmio.phys_addr, 0, state->mmio.len, state->mmio.is_write};
    __builtin_memcpy(&access.value, state->mmio.data, sizeof access.value);
    if (access.length < 8) access.value &= (1ull << (access.length * 8)) - 1;
    return access;
}

static inline void clinux_kvm_run_set_mmio_value(void *_Nonnull run, uint64_t value) {
    __builtin_memcpy(((struct kvm_run *)run)->mmio.data, &value, sizeof value);
}

typedef struct {
    /// ESR_EL2.ISS as far as KVM shows it: WnR (bit 6) and the fault's status.
    uint64_t syndrome;
    uint64_t address;
} clinux_kvm_no_syndrome;

static inline clinux_kvm_no_syndrome clinux_kvm_run_no_syndrome(const void *_Nonnull run) {
    const struct kvm_run *state = run;
    clinux_kvm_no_syndrome exit = {state->arm_nisv.esr_iss, state->arm_nisv.fault_ipa};
    return exit;
}

static inline uint32_t clinux_kvm_run_system_event(const void *_Nonnull run) {
    return ((const struct kvm_run *)run)->system_event.type;
}

static inline uint64_t clinux_kvm_run_fail_entry_reason(const void *_Nonnull run) {
    return ((const struct kvm_run *)run)->fail_entry.hardware_entry_failure_reason;
}

static inline uint32_t clinux_kvm_run_internal_suberror(const void *_Nonnull run) {
    return ((const struct kvm_run *)run)->internal.suberror;
}

/// Written by the thread that stops the VM while the vCPU's own thread may be in KVM_RUN.
static inline void clinux_kvm_run_set_immediate_exit(void *_Nonnull run, bool exit) {
    __atomic_store_n(&((struct kvm_run *)run)->immediate_exit, exit, __ATOMIC_SEQ_CST);
}

#ifdef __x86_64__
/// For tests of the generic half of KVM on an x86-64 machine: 16-bit real mode at guest-physical `address`.
int clinux_kvm_x86_enter_real_mode(int vcpu, uint64_t address);
int clinux_kvm_x86_create_irqchip(int vm);
#endif
