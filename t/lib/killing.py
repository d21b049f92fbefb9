"""killing.py: a command of root's killed before each system call that changes the disk, or with each call failing:
whichever program of root's comes next finishes the change or finds that it was never begun; nothing half, no litter.

    class Mine(Stage): def build(self): ...   # a house, as every case finds it
    s = Mine()
    kills, wrong, ends = s.killed_everywhere(s.command(["domain", "add", ...]), "root")
"""
import os
import re
import shutil

from house import House
from scratch import must, read, run
from tap import note

# Between two of these the disk is the same: a kill before each of them meets every state.
CHANGING = ("write", "pwrite64", "ftruncate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat",
            "mkdir", "mkdirat", "fchown", "fchownat", "chown", "fchmod", "fchmodat", "chmod")
FAILING = {"openat": "EIO", "write": "ENOSPC", "fsync": "EIO", "close": "EIO", "renameat": "EIO", "unlinkat": "EACCES",
           "fchmod": "EPERM", "fstat": "EIO", "newfstatat": "EIO", "read": "EIO", "pipe2": "EMFILE", "clone": "EAGAIN",
           "mkdirat": "EROFS", "fcntl": "ENOLCK", "setresuid": "EAGAIN", "setresgid": "EAGAIN", "setgroups": "EPERM",
           "mmap": "ENOMEM", "pwrite64": "ENOSPC"}


def differences(a, b):
    keys = [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]
    return "\n".join(f"{k}: {a.get(k)} | {b.get(k)}" for k in keys)


class Stage:
    """A house that build() makes once and every case gets as new."""

    PARTS = ("etc", "spool", "home", "state", "run")
    COMPARED = ("etc", "spool", "home", "state")  # lock files in run/ are not litter
    TABLES = ("virtual", "virtual_domains", "virtual_refused")

    def __init__(self):
        h = self.h = House()
        self.build()
        self.saved = h.path("saved")
        self.save()

    def build(self):
        """What every case begins with, in self.h."""

    def save(self):
        """From now on every case begins with what is there."""
        shutil.rmtree(self.saved, True)
        os.mkdir(self.saved, 0o700)
        must(["/usr/bin/cp", "-a", *[self.h.path(p) for p in self.PARTS], self.saved])

    def renew(self):
        for part in self.PARTS:
            shutil.rmtree(self.h.path(part))
        must(["/usr/bin/cp", "-a", *[os.path.join(self.saved, p) for p in self.PARTS], self.h.top])

    def command(self, args):
        return [f"{self.h.bin}/postfix-virtual", "-c", self.h.etc, *args]

    def maps(self, *args):
        return [f"{self.h.bin}/make-postfix-maps", "-c", self.h.etc, *args]

    def later(self, turn):
        """Any program of root's that comes next: now this one, now that."""
        return self.command(["domain", "list"]) if turn % 2 else self.maps()

    def trace(self, argv, injection, paths=()):
        """Run it under strace. Returns (CompletedProcess, what strace says about the injection)."""
        log = self.h.path("strace.log")
        filters = [w for p in paths for w in ("-P", p)]
        call = injection.split(":")[0]
        r = run(["/usr/bin/strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={injection}", *filters, *argv])
        return r, read(log).decode(errors="replace")

    def state(self):
        """Everything that matters, dates aside."""
        found = {}
        for part in self.COMPARED:
            for folder, folders, files in os.walk(self.h.path(part)):
                for name in folders + files:
                    path = os.path.join(folder, name)
                    st = os.lstat(path)
                    text = b"" if os.path.isdir(path) or name.endswith(".lmdb") else read(path)
                    key = re.sub(r"\.2\d{7}T\d{6}Z", ".DATE", os.path.relpath(path, self.h.top))
                    found[key] = (oct(st.st_mode), st.st_uid, re.sub(rb"(?m)^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", b"", text))
        for table in self.TABLES:
            r = run(["/usr/sbin/postmap", "-c", self.h.postfix.config, "-s", f"lmdb:{self.h.map_folder}/{table}"])
            found[f"keys of {table}"] = sorted(r.stdout.splitlines()) + [r.stderr]
        return found

    def both_ends(self, argv):
        """The states before and after a run that nobody disturbs."""
        self.renew()
        old = self.state()
        must(argv)
        return old, self.state()

    def killed_everywhere(self, argv, where, paths=(), later=None, name=None):
        """Kill before the 1st, 2nd ... call of each kind. later(turn): what runs next. Returns (kills, list of what went wrong,
        how often which end came)."""
        old, new = self.both_ends(argv)
        kills, wrong, ends = 0, [], {"old": 0, "new": 0}
        for call in CHANGING:
            for nth in range(1, 200):
                self.renew()
                r, log = self.trace(argv, f"{call}:signal=KILL:when={nth}", paths)
                if "killed by SIGKILL" not in log:
                    break
                kills += 1
                after = run((later or self.later)(kills), timeout=30)
                state = self.state()
                end = "old" if state == old else "new" if state == new else None
                if end:
                    ends[end] += 1
                if end is None or after.returncode != 0:
                    nearer = min((old, new), key=lambda t: len(differences(t, state)))
                    wrong.append(f"{where}, {call} number {nth}: {after.returncode} {after.stderr.decode()}\n{differences(nearer, state)}")
                if r.returncode == 0 and end != "new":
                    wrong.append(f"{where}, {call} number {nth}: said it was done")
        note(f"{name or ' '.join(argv[3:5])}, {where}: {kills} kills, {ends['old']} times old, {ends['new']} times new")
        return kills, wrong, ends

    def failing_everywhere(self, argv, judge, failing=None, paths_of=lambda call: (), later=None):
        """Make every call of `failing` (FAILING) fail, one in each run. judge(call, r, at_once, state, old, new, after): a complaint, or None; at_once is the
        state right behind it, state the one after the next command. Returns (faults, complaints)."""
        old, new = self.both_ends(argv)
        faults, wrong = 0, []
        for call, error in (failing or FAILING).items():
            for nth in range(1, 400):
                self.renew()
                r, log = self.trace(argv, f"{call}:error={error}:when={nth}", paths_of(call))
                if "(INJECTED)" not in log:
                    break
                faults += 1
                at_once = self.state()
                after = run((later or self.later)(1), timeout=30)
                complaint = judge(call, r, at_once, self.state(), old, new, after)
                if complaint:
                    wrong.append(f"{call} number {nth}: exit {r.returncode} {r.stderr.decode()} later {after.returncode} {after.stderr.decode()}\n{complaint}")
        return faults, wrong
