# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# A shell on the console; the guest powers off when it ends.

exec setsid cttyhack sh 2>&1
