# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors
# shellcheck shell=dash

# In the deterministic host, with memory enough: prints "map HOW MEBIBYTES NANOSECONDS" for the guest's memory that is mapped for a
# device's DMA: by the C probe alone, by Martlet through the container, by Martlet through the iommufd. For Martlet it is the whole
# step of the start-up that joins devices to the VM.

cd /martlet/bench || exit 1
device=9030000.pl061
martlet bind $device >/dev/null || exit 1
group=$(basename "$(readlink /sys/bus/amba/devices/$device/iommu_group)")

# step: what the step "passthrough" of the report took.
step() {
    awk '/"nanoseconds"/ { gsub(/[^0-9]/, ""); now = $0 }
        /"step"/ { if (/"passthrough"/) print now - last; last = now }' /tmp/report.json
}

for size in 256 1024 4096; do
    echo "map C $size $(./mapdma "$group" $size)" || exit 1
    for way in group cdev; do
        cat >/tmp/map.json <<END
{"boot-source": {"kernel_image_path": "/martlet/guest-images/build/flat/poweroff.bin"}, "vfio": "$way",
 "platform-devices": [{"host": "$device"}], "machine-config": {"mem_size_mib": $size}}
END
        ../martlet run /tmp/map.json --report /tmp/report.json >/tmp/map.log 2>&1 || { cat /tmp/map.log && exit 1; }
        echo "map $way $size $(step)"
    done
done
