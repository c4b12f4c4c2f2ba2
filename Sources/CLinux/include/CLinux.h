// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Martlet authors

#pragma once

#include "clinux_kvm.h"
#include "clinux_system.h"
#include "clinux_vfio.h"
