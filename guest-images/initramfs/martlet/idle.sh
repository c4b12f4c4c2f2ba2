# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Runs for ever and does nothing.

echo "martlet-guest: idle"
while true; do sleep 3600; done
