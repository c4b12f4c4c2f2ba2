# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Reads a line from the console and gives it back reversed.

echo "martlet-guest: echo ready"
read -r line
echo "martlet-guest: echo $(echo "$line" | rev)"
