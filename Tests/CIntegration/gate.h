// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// The part of gate.c that runs between fork and exec.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// In the child: installs a filter that stops these ioctls, and with `stops_changes` what changes files, hands the
/// listener to the other end of `socket`, and waits until it is taken. 0, or -errno.
int gate_install(int socket, const uint32_t *requests, size_t count, bool stops_changes);

/// In the parent: takes the listener of `child` over `socket`. A descriptor, or -errno.
int gate_take(int socket, pid_t child);
