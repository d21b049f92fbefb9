#!/usr/bin/python3
"""postfix-virtual killed before each system call that changes the disk, in root's process and in the child that is
the account: whichever program of root's comes next finishes the change or finds that it was never begun; nothing half, no litter.
And every call of `user password` made to fail: the old password or the new one.
"""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import must, read, run, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

HASH = "$6$abc$XLyx6DsRIdZbOoC8pN6YwDZVv8bSqYFVEcGYLCUlAVTCJcFHSTmVPd5jGpKDdPhGbVUJqgTqh46cTSDvmyT0u1"
OTHER = HASH[:-1] + "."
MAIL = b"From a@b.dk Fri Nov 20 10:00:00 2026\n\nx\n\n"

# Between two of these the disk is the same: a kill before each of them meets every state.
CHANGING = ("write", "pwrite64", "ftruncate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat",
            "mkdir", "mkdirat", "fchown", "fchownat", "chown", "fchmod", "fchmodat", "chmod")
FAILING = {"openat": "EIO", "write": "ENOSPC", "fsync": "EIO", "close": "EIO", "renameat": "EIO", "unlinkat": "EACCES",
           "fchmod": "EPERM", "fstat": "EIO", "newfstatat": "EIO", "read": "EIO", "pipe2": "EMFILE", "clone": "EAGAIN",
           "mkdirat": "EROFS", "fcntl": "ENOLCK", "setresuid": "EAGAIN", "setresgid": "EAGAIN", "setgroups": "EPERM",
           "mmap": "ENOMEM", "pwrite64": "ENOSPC"}


class Stage:
    """A house with kvt.dk and two users, which every case gets as new."""

    PARTS = ("etc", "spool", "home", "state", "run")

    def __init__(self):
        h = self.h = House()
        a = self.a = h.account("k")
        h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
        for name in ("abc", "kvt"):
            h.must_admin("user", "add", f"{name}@kvt.dk", "--hash", HASH)
        write(f"{h.spool}/kvt.dk/abc", MAIL, 0o600, a)
        self.saved = h.path("saved")
        os.mkdir(self.saved, 0o700)
        must(["/usr/bin/cp", "-a", *[h.path(p) for p in self.PARTS], self.saved])
        self.folders = [f"{h.etc}/kvt.dk", f"{h.spool}/kvt.dk", a.pw_dir]

    def renew(self):
        for part in self.PARTS:
            shutil.rmtree(self.h.path(part))
        must(["/usr/bin/cp", "-a", *[os.path.join(self.saved, p) for p in self.PARTS], self.h.top])

    def command(self, args):
        return [f"{self.h.bin}/postfix-virtual", "-c", self.h.etc, *args]

    def later(self, turn):
        """Any program of root's that comes next: now this one, now that."""
        return self.command(["domain", "list"]) if turn % 2 else [f"{self.h.bin}/make-postfix-maps", "-c", self.h.etc]

    def trace(self, args, injection, paths=()):
        """Run it under strace. Returns (exit status, what strace says about the injection)."""
        log = self.h.path("strace.log")
        filters = [w for p in paths for w in ("-P", p)]
        call = injection.split(":")[0]
        r = run(["/usr/bin/strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={injection}", *filters, *self.command(args)])
        return r, read(log).decode(errors="replace")

    def state(self):
        """Everything that matters, dates aside. Lock files in run/ are not litter."""
        found = {}
        for part in ("etc", "spool", "home", "state"):
            for folder, folders, files in os.walk(self.h.path(part)):
                for name in folders + files:
                    path = os.path.join(folder, name)
                    st = os.lstat(path)
                    text = b"" if os.path.isdir(path) or name.endswith(".lmdb") else read(path)
                    key = re.sub(r"\.2\d{7}T\d{6}Z", ".DATE", os.path.relpath(path, self.h.top))
                    found[key] = (oct(st.st_mode), st.st_uid, re.sub(rb"(?m)^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", b"", text))
        for table in ("virtual", "virtual_domains"):
            r = run(["/usr/sbin/postmap", "-c", self.h.postfix.config, "-s", f"lmdb:{self.h.map_folder}/{table}"])
            found[f"keys of {table}"] = sorted(r.stdout.splitlines()) + [r.stderr]
        return found


def differences(a, b):
    keys = [k for k in sorted(set(a) | set(b)) if a.get(k) != b.get(k)]
    return "\n".join(f"{k}: {a.get(k)} | {b.get(k)}" for k in keys)


def private_paths(s):
    """Folders and files of the account: calls on them are made by the child only."""
    paths = []
    for folder in s.folders:
        paths += [folder, f"{folder}/.trash", f"{folder}/users"]
    etc, spool, home = s.folders
    paths += [f"{etc}/{n}" for n in (".passwd.new", "users/.abc.new", "users/.def.new")]
    paths += [f"{spool}/{n}" for n in ("abc", "def", ".abc.lock", ".abc.journal")]
    paths += [f"{home}/..forward+{n}--kvt.dk.new" for n in ("new", "def", "abc")]
    return paths


def killed_everywhere(s, args, where, paths):
    """Kill before the 1st, 2nd ... call of each kind. Returns (kills, list of what went wrong)."""
    s.renew()
    old = s.state()
    must(s.command(args))
    new = s.state()
    kills, wrong, ends = 0, [], {"old": 0, "new": 0}
    for call in CHANGING:
        for nth in range(1, 200):
            s.renew()
            r, log = s.trace(args, f"{call}:signal=KILL:when={nth}", paths)
            if "killed by SIGKILL" not in log:
                break
            kills += 1
            later = run(s.later(kills), timeout=30)
            state = s.state()
            end = "old" if state == old else "new" if state == new else None
            if end:
                ends[end] += 1
            if end is None or later.returncode != 0:
                nearer = min((old, new), key=lambda t: len(differences(t, state)))
                wrong.append(f"{where}, {call} number {nth}: {later.returncode} {later.stderr.decode()}\n{differences(nearer, state)}")
            if r.returncode == 0 and end != "new":
                wrong.append(f"{where}, {call} number {nth}: said it was done")
    note(f"{' '.join(args[:2])}, {where}: {kills} kills, {ends['old']} times old, {ends['new']} times new")
    return kills, wrong, ends


def kill_tests(s):
    paths = private_paths(s)
    total = 0
    for args, in_child in [
        (["user", "add", "new@kvt.dk", "--hash", HASH], True),
        (["user", "password", "abc@kvt.dk", "--hash", OTHER], True),
        (["user", "rename", "abc@kvt.dk", "def"], True),
        (["user", "disable", "abc@kvt.dk"], True),
        (["user", "delete", "abc@kvt.dk", "--yes"], True),
        (["domain", "add", "new.dk", "--account", s.a.pw_name, "--sub-domains"], False),
        (["domain", "delete", "kvt.dk", "--yes"], True),
    ]:
        kills, wrong, ends = killed_everywhere(s, args, "root", ())
        if in_child:
            more, bad, child_ends = killed_everywhere(s, args, "child", paths)
            check(f"{' '.join(args[:2])}: the child was killed too", more > 0, more)
            kills, wrong = kills + more, wrong + bad
            ends = {k: ends[k] + child_ends[k] for k in ends}
        total += kills
        check(f"{' '.join(args[:2])} killed at {kills} calls: the next command leaves it undone or done, whole", not wrong, "\n".join(wrong[:5]))
        check("both ends were met", ends["old"] > 0 and ends["new"] > 0, ends)
    check("enough kills", total > 150, total)


def fault_tests(s):
    args = ["user", "password", "abc@kvt.dk", "--hash", OTHER]
    s.renew()
    old = s.state()
    must(s.command(args))
    new = s.state()
    faults, wrong = 0, []
    for call, error in FAILING.items():
        for nth in range(1, 300):
            s.renew()
            # A close() that fails here is not made either: of a pipe, the other side would wait.
            r, log = s.trace(args, f"{call}:error={error}:when={nth}", private_paths(s) if call == "close" else ())
            if "(INJECTED)" not in log:
                break
            faults += 1
            at_once = read(f"{s.h.etc}/kvt.dk/passwd")
            whole = at_once in (old["etc/kvt.dk/passwd"][2], new["etc/kvt.dk/passwd"][2])
            later = run(s.command(["domain", "list"]), timeout=30)
            state = s.state()
            good = state in (old, new) and later.returncode == 0 and whole
            good = good and (r.returncode in (75, 127) or (r.returncode == 0 and state == new) or (r.returncode == 1 and state == old))
            if call == "mmap" and r.returncode == -11:
                good = state == old  # the dynamic loader's way to say that it has no memory
            if r.returncode == 75 and not r.stderr.strip() and call != "write":  # that may have been the sentence itself
                good = False
            if not good:
                nearer = min((old, new), key=lambda t: len(differences(t, state)))
                wrong.append(f"{call} number {nth}: exit {r.returncode} {r.stderr.decode()} later {later.returncode} {later.stderr.decode()}\n"
                             + differences(nearer, state))
    note(f"user password: {faults} faults")
    check(f"user password with {faults} faults: the old one or the new one, and never a wrong answer", faults > 100 and not wrong, "\n".join(wrong[:8]))


def main():
    s = Stage()
    kill_tests(s)
    fault_tests(s)
    equal("what was killed left no process", run(["/usr/bin/pgrep", "-f", s.h.etc]).stdout, b"")
    done()


main()
