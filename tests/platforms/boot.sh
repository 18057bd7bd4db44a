#!/bin/sh
# Becomes systemd as process 1 of namespaces of its own, on a copy of this machine's files that is thrown away.
# Runs in `unshare --mount --pid --uts --ipc --net --cgroup --fork`. Arguments: a folder for the copy, the folder with
# the files to put into it, the unit to start.
set -eu
place=$1 files=$2 unit=$3
root=$place/root

mount --make-rprivate /
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$place/upper,workdir=$place/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"

groups=$root/sys/fs/cgroup
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 "$groups"
else
    mount -t tmpfs tmpfs "$groups"
    mkdir "$groups/systemd"
    mount -t cgroup -o none,name=systemd cgroup "$groups/systemd"
    for limits in memory pids cpu devices; do
        mkdir "$groups/$limits"
        mount -t cgroup -o "$limits" cgroup "$groups/$limits" || rmdir "$groups/$limits"
    done
    if grep -q cgroup2 /proc/mounts; then
        mkdir "$groups/unified"
        mount -t cgroup2 cgroup2 "$groups/unified"
    fi
fi

# Only the units of the test.
mount -t tmpfs tmpfs "$root/etc/systemd/system"
for masked in systemd-sysctl systemd-modules-load systemd-remount-fs systemd-udevd systemd-binfmt systemd-update-utmp \
    systemd-logind systemd-random-seed systemd-networkd systemd-resolved; do
    ln -s /dev/null "$root/etc/systemd/system/$masked.service"
done
: > "$root/etc/machine-id"
cp -a "$files/." "$root/"

cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
# Credentials are mounts, which units must see.
mount --make-rshared /
ip link set lo up
exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit="$unit"
