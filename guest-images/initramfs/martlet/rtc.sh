# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# The RTC's time, then martlet.alarms=N (3) alarms one second ahead, each awaited for martlet.alarm-limit=S (10) seconds.

rtc=/sys/class/rtc/rtc0
alarms=${martlet_alarms:-3}
limit=${martlet_alarm_limit:-10}

# interrupts: how many the RTC's line has had, on all CPUs.
interrupts() { awk '/rtc-pl031/ { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts; }

echo "martlet-guest: rtc name $(cat $rtc/name)"
echo "martlet-guest: rtc time $(cat $rtc/since_epoch)"
start=$(interrupts) armed=0 received=0 late=0
while [ $armed -lt "$alarms" ] && [ $late -lt 5 ]; do
    before=$(interrupts)
    echo +1 >$rtc/wakealarm
    due=$(cat $rtc/wakealarm) # empty if it has fired already
    now=$(cat $rtc/since_epoch)
    tries=0
    while [ "$(interrupts)" = "$before" ] && [ $tries -lt $((limit * 20)) ]; do
        usleep 50000
        tries=$((tries + 1))
    done
    if [ "$(interrupts)" != "$before" ]; then
        armed=$((armed + 1)) received=$((received + 1))
    elif [ -z "$due" ] || [ "$now" -gt "$due" ]; then
        # On a busy machine the second may pass between the kernel's reading of the clock and its arming of the alarm, which
        # then is for the past. That says nothing about the interrupt: once more.
        late=$((late + 1))
        echo 0 >$rtc/wakealarm
    else
        armed=$((armed + 1))
        echo 0 >$rtc/wakealarm
    fi
done
echo "martlet-guest: alarms armed $armed received $received interrupts $(($(interrupts) - start))"
[ $received = "$alarms" ]
