// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

// Asks for a reset at once.

#include "board.inc"
        header
        psci    PSCI_SYSTEM_RESET
        footer
