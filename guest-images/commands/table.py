# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

"""How each command that the documentation prints is tested. Rows of one kind run in the order in which they stand here.

A printed command without a row is an error, as is a row whose command is no longer printed. To add a command, print it,
add a row with the same text, and say in `fill` what stands for its placeholders.
"""

from dataclasses import dataclass
from typing import Mapping, Sequence, Tuple


@dataclass(frozen=True)
class Row:
    """A command and what it should do."""

    command: str  # as the documentation prints it
    fill: Mapping[str, str] = None  # what stands for parts of it
    status: int = 0
    prints: Sequence[str] = ()  # regular expressions that its output has
    dialog: Sequence[Tuple[str, str]] = ()  # what to wait for on the terminal, and what to type then
    before: Sequence[str] = ()  # shell commands that prepare it
    after: Sequence[str] = ()  # shell commands that look at what it left; each has to end with status 0
    printed: bool = True  # False: the documentation has it in words, or not at all

    @property
    def filled(self):
        """The command with its placeholders filled."""
        text = self.command
        for placeholder, value in (self.fill or {}).items():
            if placeholder not in text:
                raise ValueError(f"{self.command}: has no {placeholder}")
            text = text.replace(placeholder, value)
        return " ".join(text.split(" ")).rstrip()


RTC = "9010000.pl031"
GPIO = "9030000.pl061"
NEEDY = "a010000.needs"
PASSTHROUGH = "configs/pl031-passthrough.json"
CTRL_A = "\x01"
RTC_IS_THE_HOSTS = f"test -e /sys/bus/amba/drivers/rtc-pl031/{RTC}"
RAN = [r"alarms armed 3 received 3 interrupts 3", r"^device 9010000\.pl031: ", r"region 0: mapped"]

# What works in each form of the emulated host, typed at its shell.
SHELL = [
    Row("martlet devices", prints=[r"^DEVICE +COMPATIBLE ", r"^9010000\.pl031 .* works after bind"], printed=False),
    Row(f"martlet bind {RTC}", prints=[r"pl031: "], printed=False),
    Row("martlet run configs/pl031-passthrough.json", prints=RAN),
    # A guest with a shell of its own: keys reach it, Ctrl-A twice as one Ctrl-A, and Ctrl-A x ends it.
    Row(
        "martlet run configs/boot-only.json", status=130, prints=[r"guest-42", r"\^A\s+\^A"], dialog=[
            (r"\n/ # ", "echo guest-$((40+2))\r"),
            (r"guest-42\r*\n/ # ", "echo reads-$((40+2)); cat -v\r"),
            (r"reads-42\r*\n", CTRL_A + CTRL_A + "\r"),
            (r"\^A\r*\n\^A\r*\n", "\x04"),
            (r"/ # ", CTRL_A + "x"),
        ], after=["stty -a | grep -qw icanon && stty -a | grep -vw '[-]echo' | grep -qw echo"], printed=False),
    Row(f"martlet release {RTC}", prints=[r"rtc-pl031"], after=[RTC_IS_THE_HOSTS], printed=False),
]

# Typed at the shell of "make arm-host DEVICES=1".
HOST = [
    Row("martlet devices [NAME…]", {" [NAME…]": ""}, prints=[r"^9030000\.pl061 ", r"^10000000\.edu "]),
    Row("martlet devices [NAME…]", {"[NAME…]": f"{RTC} {GPIO}"}, prints=[r"^9010000\.pl031", r"^9030000\.pl061"]),
    Row("martlet devices NAME", {"NAME": RTC}, prints=[r"to make it ready:"]),
    Row("martlet devices --json", prints=[r'"9010000.pl031"'], printed=False),
    Row("martlet bind --dry-run NAME", {"NAME": RTC}, prints=[r"driver_override"], printed=False),
    Row("martlet bind NAME…", {"NAME…": f"{RTC} {GPIO}"}, after=[f"test -e /sys/bus/amba/drivers/vfio-amba/{GPIO}"]),
    Row("martlet check CONFIG", {"CONFIG": "configs/pl031-pl061.json"}, prints=[r"9010000\.pl031", r"9030000\.pl061"]),
    Row("martlet check /nowhere.json", status=2, prints=[r"/nowhere\.json"], printed=False),
    Row("martlet run CONFIG", {"CONFIG": "configs/pl031-pl061.json"}, prints=[*RAN, r"^device 9030000\.pl061: "]),
    Row(
        "martlet run CONFIG --report FILE --trace 'vfio_platform_*' --log-level debug",
        {"CONFIG": PASSTHROUGH, "FILE": "/tmp/report.json"}, prints=[*RAN, r"vfio_platform_\w+"],
        after=["grep -q '\"host\" *: *\"9010000.pl031\"' /tmp/report.json"], printed=False),
    Row("martlet dtb CONFIG -o FILE", {"CONFIG": PASSTHROUGH, "FILE": "/tmp/tree.dtb"}, after=[
        "test $(head -c 4 /tmp/tree.dtb | od -An -tx1 | tr -d ' ') = d00dfeed"]),
    # A launcher opens the device's files and becomes another user; the shell that it is ends with Martlet's run.
    Row(
        "exec 3<>/dev/iommu 4<>/dev/vfio/devices/vfio0", before=[
            f"martlet release {RTC} {GPIO}", f"martlet bind {GPIO}", "mkdir -p /etc",
            "echo guest:x:1000:1000::/:/bin/sh >/etc/passwd", "echo guest:x:1000: >/etc/group", "chmod 666 /dev/kvm",
            "chmod 711 /martlet",
            "sed 's#[.][.]/##; s#\"platform-devices.*#\"iommufd_fd\": 3, \"platform-devices\": [{ \"host\": "
            "\"9030000.pl061\", \"vfio_fd\": 4 }]#' configs/virtio-mmio.json >guest.json",
            "PATH=/martlet/guest-images/build/commands:$PATH PS1=\"$PWD # \" dash"], after=["test -e /proc/self/fd/4"]),
    Row(
        "ulimit -l 262144 && exec setpriv --reuid=guest --clear-groups martlet run guest.json", status=130,
        prints=[r"^device 9030000\.pl061: "], dialog=[(r"\n/ # ", CTRL_A + "x")], after=["test ! -e /proc/self/fd/4"]),
    Row("martlet release NAME…", {"NAME…": f"{RTC} {GPIO}"}, after=[RTC_IS_THE_HOSTS]),
    # The log of the host's kernel goes to the port then, whose other end nobody reads.
    Row("echo Y >/sys/class/tty/ttyS0/console", after=[
        "grep -q Y /sys/class/tty/ttyS0/console", "echo a line for the log >/dev/kmsg",
        "echo N >/sys/class/tty/ttyS0/console"]),
    Row("insmod modules/lines.ko"),
    Row("insmod modules/martlet-hold.ko", after=["test -w /sys/devices/martlet-hold/hold"]),
    Row("martlet bind --no-hold NAME…", {"NAME…": NEEDY}, after=["! grep needs /sys/devices/martlet-hold/held"]),
    Row("martlet bind NAME", {"NAME": NEEDY}, after=["grep needs /sys/devices/martlet-hold/held"], printed=False),
    Row("martlet release NAME", {"NAME": NEEDY}, after=["! grep needs /sys/devices/martlet-hold/held"], printed=False),
    Row("echo 2310000.ethernet > /sys/devices/martlet-hold/hold", {"2310000.ethernet": NEEDY}),
    Row("cat /sys/devices/martlet-hold/held", prints=[r"^a010000\.needs supplies=2 power-domains=2 clocks=3 resets=3/3"]),
    Row("echo 2310000.ethernet > /sys/devices/martlet-hold/release", {"2310000.ethernet": NEEDY},
        after=["! grep needs /sys/devices/martlet-hold/held"]),
]

# Forms of the emulated host with a shell, each opened on a terminal, and what is typed there.
SESSIONS = [
    (Row("make arm-host"), SHELL),
    (Row("make arm-host VARIANT=gicv2", printed=False), SHELL),
    (Row("make arm-host DEVICES=1"), SHELL + HOST),
]

# Run in the clone as it is, with what is built there. {work} is a temporary folder, where ok.sh, bad.sh, long.sh are.
HERE = [
    Row("make help", prints=[r"make arm-host +a shell in the emulated ARM host"]),
    Row("make guest", after=["test -s guest-images/build/Image", "test -s guest-images/build/initramfs.cpio.gz"]),
    Row("make arm64", after=["file=$(od -An -tx1 -N 20 .build/arm64/martlet) && [[ $file == *' b7 00' ]]"]),
    Row(
        "dtc -@ -O dtb -o FILE configs/overlays/rtc.dtso", {"FILE": "{work}/rtc.dtbo"},
        after=["cmp {work}/rtc.dtbo configs/overlays/rtc.dtbo"], printed=False),
    Row(
        "truncate -s 4G disk.img", {"disk.img": "{work}/disk.img"},
        after=["test $(stat -c %s {work}/disk.img) = 4294967296"]),
    Row("make demo", prints=[r"alarms armed 3 received 3 interrupts 3", r"^demo: ok$"]),
    Row("make arm-host RUN=FILE", {"FILE": "{work}/ok.sh"}, prints=[r"^run-42$"], printed=False),
    Row(
        "make arm-host RUN=FILE DEVICES=1", {"FILE": "{work}/bad.sh"}, status=2, prints=[r"^10000000\.edu\b"],
        printed=False),
    Row(
        "make arm-host RUN=FILE LIMIT=4", {"FILE": "{work}/long.sh"}, status=2, prints=[r"cut off after 4 s"],
        printed=False),
    Row(
        "make arm-host RUN=FILE KERNEL_ARGS='hugepagesz=2M hugepages=8' MACHINE_ARGS='-m 1536'",
        {"FILE": "{work}/ok.sh"},
        prints=[r"^run-42$", r"hugepagesz=2M hugepages=8", r"^MemTotal: +1[345]\d{5} kB"], printed=False),
]

# Run in a copy of the clone, since they change or remove files.
COPY = [
    Row("make lint", printed=True),
    Row("make format", after=["git diff --exit-code"]),
    Row("make bindings", after=["git diff --exit-code"]),
    Row(
        "make clean", before=["mkdir -p .build guest-images/build"],
        after=["test ! -e .build", "test ! -e guest-images/build", "git diff --exit-code"]),
]

# Too long for each "make test"; test.sh --slow runs them.
SLOW = [
    Row(
        "guest-images/test.sh --unit --filter REGEX", {"REGEX": "Arm64Tests"},
        prints=[r"^[1-9]\d* passed, 0 failed, 0 skipped$"]),
    Row(
        "guest-images/test.sh --integration --filter REGEX", {"REGEX": "BootTests"},
        prints=[r"^[1-9]\d* passed, 0 failed, 0 skipped$"]),
    Row("make generate", after=["git diff --exit-code configs/schema.json docs/configuration.md Tests/MessagesTests/messages.txt"]),
    Row("make boards"),
    Row("make host-module"),
    Row("make mutate-release", prints=[r"mutants, all caught$"]),
    Row("make bench", prints=[r"^\| exec → first byte of a flat guest \(million instructions\) \| \d+\.\d\d \|$"]),
]

# What "make test" is or runs by itself: the file that has it, and what stands there.
ITSELF = {
    "make test": (".ci/run", "exec make test"),
    "make docs": ("guest-images/test.sh", '"$ROOT/lint/documentation.sh"'),
    "swift build": ("guest-images/test.sh", "run_swift build --build-tests"),
    "swift test": ("guest-images/test.sh", "run_swift test --skip-build"),
}

DOCKER = "the emulated host has no docker"
KERNEL = "builds for the kernel of the machine that it is run on"

# What can't be run here, and why. These count as skipped.
ELSEWHERE = {
    "docker run --device /dev/kvm --device /dev/iommu --device /dev/vfio/devices/vfio0 --ulimit memlock=-1 …": DOCKER,
    "docker run --device /dev/kvm --device /dev/vfio/vfio --device /dev/vfio/7 --ulimit memlock=-1 …": DOCKER,
    "cp -r host-module /usr/src/martlet-hold-0.1.0": KERNEL,
    "modprobe martlet-hold": KERNEL,
    "echo martlet-hold > /etc/modules-load.d/martlet-hold.conf": KERNEL,
    "make && make modules_install": KERNEL,
    "make demo DEVICE=NAME": "needs an arm64 machine with such a device",
}

# Commands that are only named, without what they need, and the row that runs them with it.
NAMED = {
    "martlet bind": "martlet bind NAME…",
    "martlet check": "martlet check CONFIG",
    "martlet devices": "martlet devices [NAME…]",
    "martlet run": "martlet run CONFIG",
    "martlet release": "martlet release NAME…",
    "martlet bind --no-hold": "martlet bind --no-hold NAME…",
    "martlet dtb": "martlet dtb CONFIG -o FILE",
    "dtc -@": "dtc -@ -O dtb -o FILE configs/overlays/rtc.dtso",
}
