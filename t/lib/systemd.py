"""systemd.py: a real systemd for units, and a real journald for log lines, in namespaces of the test's own.

    s = Systemd(h.path("systemd"), {"a.socket": text, "a.service": text})
    s.must("start", "a.socket"); s.property("a.service", "ActiveState"); s.pids("a.service")

Nothing of the host's systemd is used or seen, and it need not run: ours is PID 1 of a namespace, with a /run and a
part of the cgroup tree of its own. Units get no default dependencies (no boot is done). Files and the network are the host's.

    j = Journal(h.path("journal"))
    j.socket, j.path     # in the place of /dev/log; what journalctl -D and fail2ban read
"""
import os
import re
import shutil
import subprocess

from scratch import CLEAN_ENV, at_end, must, read, run, wait_for, write

INIT = "/lib/systemd/systemd"
JOURNALD = "/lib/systemd/systemd-journald"

BOOT = """\
set -e
mount -t tmpfs -o mode=755 pv-test /run
mkdir /run/units
cp -r {units}/. /run/units
mount -t cgroup2 pv-test /sys/fs/cgroup
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_GENERATOR_PATH=/nonexistent \\
    SYSTEMD_UNIT_PATH=/run/units:/lib/systemd/system {init} --system --unit=pv-test.target --log-target=null
"""
TARGET = "[Unit]\nDescription=Nothing\nDefaultDependencies=no\n"
NO_DEPENDENCIES = "[Unit]\nDefaultDependencies=no\n"


def cgroup_tree():
    """Where the host's cgroup2 is mounted."""
    return next(f[1] for f in (l.split() for l in read("/proc/mounts").decode().splitlines()) if f[2] == "cgroup2")


class Systemd:
    def __init__(self, top, units):
        os.makedirs(os.path.join(top, "units"))
        for name, text in dict(units, **{"pv-test.target": TARGET}).items():
            write(os.path.join(top, "units", name), text)
            os.mkdir(os.path.join(top, "units", name + ".d"))
            write(os.path.join(top, "units", name + ".d", "pv-test.conf"), NO_DEPENDENCIES)
        self.cgroup = os.path.join(cgroup_tree(), f"pv-test.{os.getpid()}")
        os.mkdir(self.cgroup)
        at_end(self._remove_cgroup)
        boot = write(os.path.join(top, "boot"), BOOT.format(units=os.path.join(top, "units"), init=INIT))
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ >"$1/cgroup.procs" && exec unshare --pid --fork --kill-child --mount --mount-proc '
             '--cgroup --propagation private /bin/sh "$2"', "sh", self.cgroup, boot], env=CLEAN_ENV,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        at_end(self.stop)
        if not wait_for(lambda: self.property("pv-test.target", "ActiveState") == "active", 20):
            raise RuntimeError(f"this systemd does not start: {self.ctl('status').stdout}")

    def _pid_1(self):
        children = read(f"/proc/{self.process.pid}/task/{self.process.pid}/children").split()
        return int(children[0]) if children else None

    def ctl(self, *args):
        """systemctl; returns CompletedProcess."""
        pid = self._pid_1()
        if pid is None:
            raise RuntimeError("this systemd has ended")
        return run(["/usr/bin/nsenter", f"--target={pid}", "--mount", "--pid", "/usr/bin/systemctl", "--no-pager", *args])

    def must(self, *args):
        r = self.ctl(*args)
        if r.returncode != 0:
            raise RuntimeError(f"systemctl {' '.join(args)}: {(r.stdout + r.stderr).decode()}"
                               f"{self.ctl('status', *args[1:]).stdout.decode()}")
        return r.stdout.decode()

    def property(self, unit, name):
        try:
            return self.ctl("show", "--property", name, "--value", unit).stdout.decode().strip()
        except RuntimeError:
            return None

    def pids(self, unit):
        """The processes of a unit, by their numbers on the host."""
        found = [os.path.join(top, "cgroup.procs") for top, _, _ in os.walk(self.cgroup) if f"/{unit}" in top]
        return [int(p) for name in found for p in read(name).split()]

    def stop(self):
        self.process.kill()  # and with it PID 1, and with that all of its namespace
        self.process.wait()

    def _remove_cgroup(self):
        def gone():
            for top, _, _ in os.walk(self.cgroup, topdown=False):
                try:
                    os.rmdir(top)
                except OSError:
                    pass
            return not os.path.exists(self.cgroup)
        wait_for(gone, 10)


def settings_of(unit):
    """[(setting, value)] of a unit."""
    return re.findall(r"^(\w+)=(.*)$", unit, re.M)


def verify(folder, units):
    """What systemd-analyze says of units (name → text), without the manual pages, which need not be installed:
    (status, output)."""
    os.makedirs(folder)
    for name, text in units.items():
        write(os.path.join(folder, name), re.sub(r"(?m)^Documentation=.*\n", "", text))
    r = run(["/usr/bin/systemd-analyze", "verify", *[os.path.join(folder, n) for n in sorted(units)]])
    return r.returncode, r.stdout + r.stderr


JOURNAL = """\
set -e
mount -t tmpfs -o mode=755 pv-test /run
mkdir -p /run/systemd/journal /run/log/journal
mount --bind {top}/sockets /run/systemd/journal
mount --bind {top}/files /run/log/journal
exec {journald}
"""


class Journal:
    def __init__(self, top):
        self.path, self.socket = os.path.join(top, "files"), os.path.join(top, "sockets", "dev-log")
        for name in (self.path, os.path.dirname(self.socket)):
            os.makedirs(name)
        script = write(os.path.join(top, "script"), JOURNAL.format(top=top, journald=JOURNALD))
        self.process = subprocess.Popen(["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", script],
                                        env=CLEAN_ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        at_end(self.stop)
        if not wait_for(lambda: os.path.exists(self.socket), 20):
            raise RuntimeError("journald does not listen")

    def lines(self, *matches):
        """The messages that journalctl finds."""
        return must(["/usr/bin/journalctl", "-D", self.path, "--no-pager", "-o", "cat", *matches]).splitlines()

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.path, ignore_errors=True)
