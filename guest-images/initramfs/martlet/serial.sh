# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Finds the serial ports that were passed through, and sends martlet.say=WORD by each. With both of them, which a cable joins on
# the emulated host, it also waits for the word that each gets from the other.

ports=
for node in /sys/bus/platform/devices/*.serial /sys/bus/amba/devices/*.pl011; do
    [ -e "$node" ] || continue
    tty=$(find "$node/" -path '*/tty/tty*' -name 'tty?*' -type d | head -n 1)
    [ -n "$tty" ] || { echo "martlet-guest: $(basename "$node") has no tty" && exit 1; }
    port=$(basename "$tty")
    [ "$(cat "$tty/console")" != Y ] || continue # the board's own
    stty -F "/dev/$port" 115200 raw -echo
    echo "martlet-guest: serial $(basename "$node") port $port type $(cat "$tty/type")"
    ports="$ports $port"
done
[ -n "$ports" ] || { echo "martlet-guest: no serial port" && exit 1; }

# hear PORT WORD: reads lines until it is the word; what an earlier guest sent may still be on its way.
hear() {
    while read -t 20 -r line; do
        if [ "$line" = "$2" ]; then
            echo "martlet-guest: heard $2 at $1"
            return
        fi
    done <"/dev/$1"
    return 1
}

# shellcheck disable=SC2086 # a word for each port
set -- $ports
if [ $# = 2 ]; then
    hear "$2" "${martlet_say:-word}-$1" &
    sleep 1
    echo "${martlet_say:-word}-$1" >"/dev/$1"
    wait $!
    hear "$1" "${martlet_say:-word}-$2" &
    sleep 1
    echo "${martlet_say:-word}-$2" >"/dev/$2"
    wait $!
else
    echo "${martlet_say:-word}" >"/dev/$1"
fi
