// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// A statically linked program registers its unwind tables before main: libgcc walks all of them, which for this one is
// 4.4 million instructions, most of the start-up. They are found without it, through PT_GNU_EH_FRAME, when something
// unwinds. The static link asks for these two in the place of libgcc's (--wrap, guest-images/toolchain/swift-build.sh);
// in any other link nothing refers to them.

void __wrap___register_frame_info(const void *tables, void *object);
void *__wrap___deregister_frame_info(const void *tables);

void __wrap___register_frame_info(const void *tables, void *object) {
    (void)tables;
    (void)object;
}

void *__wrap___deregister_frame_info(const void *tables) {
    (void)tables;
    return 0;
}
