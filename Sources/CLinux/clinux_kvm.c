// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#include "clinux_kvm.h"

#include "clinux_system.h"

#define CALL(fd, request, argument) ((int)clinux_ioctl(fd, request, (uintptr_t)(argument)))

// arch/arm64/include/uapi/asm/kvm.h
struct arm_vcpu_init {
    uint32_t target;
    uint32_t features[7];
};
#define ARM_VCPU_INIT _IOW(KVMIO, 0xae, struct arm_vcpu_init)
#define ARM_PREFERRED_TARGET _IOR(KVMIO, 0xaf, struct arm_vcpu_init)
#define ARM64_REGISTER 0x6000000000000000ull
#define REGISTER_SIZE_64 0x0030000000000000ull
#define REGISTER_SIZE_128 0x0040000000000000ull
#define ARM_CORE_REGISTER (0x0010ull << 16)
#define ARM64_SYSTEM_REGISTER (0x0013ull << 16)
struct arm_vcpu_events {
    struct {
        uint8_t serror_pending;
        uint8_t serror_has_esr;
        uint8_t ext_dabt_pending;
        uint8_t pad[5];
        uint64_t serror_esr;
    } exception;
    uint32_t reserved[12];
};
#define ARM_SET_VCPU_EVENTS _IOW(KVMIO, 0xa0, struct arm_vcpu_events)

int clinux_kvm_get_api_version(int kvm) { return CALL(kvm, KVM_GET_API_VERSION, 0); }
int clinux_kvm_create_vm(int kvm, unsigned long type) { return CALL(kvm, KVM_CREATE_VM, type); }
int clinux_kvm_get_vcpu_mmap_size(int kvm) { return CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, 0); }
int clinux_kvm_check_extension(int fd, int capability) {
    return CALL(fd, KVM_CHECK_EXTENSION, (unsigned long)capability);
}

int clinux_kvm_enable_capability(int vm, uint32_t capability) {
    struct kvm_enable_cap request = {.cap = capability};
    return CALL(vm, KVM_ENABLE_CAP, &request);
}

int clinux_kvm_set_user_memory_region(int vm, uint32_t slot, uint32_t flags, uint64_t guest_address, uint64_t size,
                                      uint64_t host_address) {
    struct kvm_userspace_memory_region region = {slot, flags, guest_address, size, host_address};
    return CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

int clinux_kvm_create_vcpu(int vm, unsigned long index) { return CALL(vm, KVM_CREATE_VCPU, index); }

int clinux_kvm_irqfd(int vm, int fd, uint32_t gsi, uint32_t flags, int resamplefd) {
    struct kvm_irqfd request = {
        .fd = (uint32_t)fd, .gsi = gsi, .flags = flags, .resamplefd = resamplefd < 0 ? 0 : (uint32_t)resamplefd};
    return CALL(vm, KVM_IRQFD, &request);
}

int clinux_kvm_ioeventfd(int vm, uint64_t address, uint32_t length, int fd, uint32_t flags, uint64_t datamatch) {
    struct kvm_ioeventfd request = {
        .datamatch = datamatch, .addr = address, .len = length, .fd = fd, .flags = flags};
    return CALL(vm, KVM_IOEVENTFD, &request);
}

int clinux_kvm_irq_line(int vm, uint32_t irq, bool level) {
    struct kvm_irq_level request = {.irq = irq, .level = level};
    return CALL(vm, KVM_IRQ_LINE, &request);
}

int clinux_kvm_create_device(int vm, uint32_t type, uint32_t flags) {
    struct kvm_create_device request = {.type = type, .flags = flags};
    int result = CALL(vm, KVM_CREATE_DEVICE, &request);
    return result < 0 || (flags & KVM_CREATE_DEVICE_TEST) ? result : (int)request.fd;
}

int clinux_kvm_set_device_attribute(int device, uint32_t group, uint64_t attribute, const void *value) {
    struct kvm_device_attr request = {.group = group, .attr = attribute, .addr = (uintptr_t)value};
    return CALL(device, KVM_SET_DEVICE_ATTR, &request);
}

int clinux_kvm_arm_vcpu_init(int vm, int vcpu, uint32_t features) {
    struct arm_vcpu_init init = {0};
    int result = CALL(vm, ARM_PREFERRED_TARGET, &init);
    if (result < 0) return result;
    init.features[0] |= features;
    return CALL(vcpu, ARM_VCPU_INIT, &init);
}

int clinux_kvm_get_one_reg(int vcpu, uint64_t id, uint64_t *value) {
    struct kvm_one_reg request = {.id = id, .addr = (uintptr_t)value};
    return CALL(vcpu, KVM_GET_ONE_REG, &request);
}

int clinux_kvm_set_one_reg(int vcpu, uint64_t id, uint64_t value) {
    struct kvm_one_reg request = {.id = id, .addr = (uintptr_t)&value};
    return CALL(vcpu, KVM_SET_ONE_REG, &request);
}

int clinux_kvm_get_one_reg_128(int vcpu, uint64_t id, uint64_t *low, uint64_t *high) {
    uint64_t halves[2] = {0, 0};
    int result = clinux_kvm_get_one_reg(vcpu, id, halves);
    *low = halves[0];
    *high = halves[1];
    return result;
}

int clinux_kvm_set_one_reg_128(int vcpu, uint64_t id, uint64_t low, uint64_t high) {
    uint64_t halves[2] = {low, high};
    struct kvm_one_reg request = {.id = id, .addr = (uintptr_t)halves};
    return CALL(vcpu, KVM_SET_ONE_REG, &request);
}

int clinux_kvm_arm_inject_data_abort(int vcpu) {
    struct arm_vcpu_events events = {.exception.ext_dabt_pending = 1};
    return CALL(vcpu, ARM_SET_VCPU_EVENTS, &events);
}

int clinux_kvm_run(int vcpu) { return CALL(vcpu, KVM_RUN, 0); }

uint64_t clinux_kvm_arm_core_register(uint64_t byte_offset) {
    return ARM64_REGISTER | REGISTER_SIZE_64 | ARM_CORE_REGISTER | (byte_offset / sizeof(uint32_t));
}

uint64_t clinux_kvm_arm_vector_register(uint64_t number) {
    return ARM64_REGISTER | REGISTER_SIZE_128 | ARM_CORE_REGISTER |
           ((CLINUX_ARM_REGS_VECTORS + number * 16) / sizeof(uint32_t));
}

uint64_t clinux_kvm_arm_system_register(uint32_t op0, uint32_t op1, uint32_t crn, uint32_t crm, uint32_t op2) {
    return ARM64_REGISTER | REGISTER_SIZE_64 | ARM64_SYSTEM_REGISTER | op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}

#ifdef __x86_64__
int clinux_kvm_x86_enter_real_mode(int vcpu, uint64_t address) {
    struct kvm_sregs segments;
    int result = CALL(vcpu, KVM_GET_SREGS, &segments);
    if (result < 0) return result;
    segments.cs.base = 0;
    segments.cs.selector = 0;
    result = CALL(vcpu, KVM_SET_SREGS, &segments);
    if (result < 0) return result;
    struct kvm_regs registers = {.rip = address, .rflags = 2};
    return CALL(vcpu, KVM_SET_REGS, &registers);
}
int clinux_kvm_x86_create_irqchip(int vm) { return CALL(vm, KVM_CREATE_IRQCHIP, 0); }
#endif
