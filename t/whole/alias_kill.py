#!/usr/bin/python3
"""alias add, set and delete, user rename --aliases, user set and domain set killed before each system call that changes the disk, in root's process and in
the child that is the account: old or new, finished by the next command. And every call of `domain set` in both files made to fail.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH  # noqa: E402
from killing import Stage, differences  # noqa: E402
from scratch import run, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402


class Aliases(Stage):
    """kvt.dk with two users and an alias."""

    def build(self):
        h = self.h
        a = self.a = h.account("k")
        h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
        for name in ("abc", "kvt"):
            h.must_admin("user", "add", f"{name}@kvt.dk", "--hash", HASH)
        write(f"{h.etc}/kvt.dk/aliases", "# ours\nsales: abc\n", 0o600, a)
        write(f"{h.etc}/kvt.dk/more", "also: abc\n", 0o600, a)
        write(f"{h.etc}/kvt.dk/domain.conf", "language = da\nextra_aliases = more\n", 0o600, a)
        h.maps()
        self.folder = f"{h.etc}/kvt.dk"


def private_paths(s):
    """Folders and files of the account: calls on them are made by the child only."""
    f = s.folder
    home = s.a.pw_dir
    return [f, f"{f}/users", home] + [f"{f}/{n}" for n in (".aliases.new", ".more.new", ".passwd.new", ".domain.conf.new", "users/.abc.new")] + [f"{home}/..forward+{n}--kvt.dk.new" for n in ("abc", "new")]


def kill_tests(s):
    total = 0
    for args in [
        ["alias", "add", "info@kvt.dk", "abc", "x@example.org"],
        ["alias", "set", "sales@kvt.dk", "kvt", "--comment", "who sells", "--expires", "2099-12-31"],
        ["alias", "delete", "sales@kvt.dk"],
        ["user", "rename", "abc@kvt.dk", "new", "--aliases"],
        ["user", "set", "abc@kvt.dk", "receive=no", "quota=5M"],
        ["domain", "set", "kvt.dk", "max_users=9", "fallback=abc", "language="],
    ]:
        kills, wrong, ends = s.killed_everywhere(s.command(args), "root")
        more, bad, child_ends = s.killed_everywhere(s.command(args), "child", private_paths(s))
        check(f"{' '.join(args[:2])}: the child was killed too", more > 0, more)
        kills, wrong = kills + more, wrong + bad
        ends = {k: ends[k] + child_ends[k] for k in ends}
        total += kills
        check(f"{' '.join(args[:2])} killed at {kills} calls: the next command leaves it undone or done, whole", not wrong, "\n".join(wrong[:5]))
        check("both ends were met", ends["old"] > 0 and ends["new"] > 0, ends)
    check("enough kills", total > 100, total)


def judge(call, r, at_once, state, old, new, after):
    """All of it or nothing, and a true exit status."""
    files = ("etc/kvt.dk/domain.conf", "etc/domains")
    good = state in (old, new) and after.returncode == 0 and all(at_once.get(f) in (old.get(f), new.get(f)) for f in files)
    good = good and (r.returncode in (75, 127) or (r.returncode == 0 and state == new) or (r.returncode == 1 and state == old))
    if call == "mmap" and r.returncode == -11:
        good = state == old  # the dynamic loader's way to say that it has no memory
    if r.returncode == 75 and not r.stderr.strip() and call != "write":  # that may have been the sentence itself
        good = False
    return None if good else differences(min((old, new), key=lambda t: len(differences(t, state))), state) or f"a wrong exit status, {r.returncode}"


def fault_tests(s):
    args = ["domain", "set", "kvt.dk", "max_users=9", "language="]
    failing = {"write": "ENOSPC", "fsync": "EIO", "renameat": "EIO", "unlinkat": "EACCES", "clone": "EAGAIN"}
    faults, wrong = s.failing_everywhere(s.command(args), judge, failing, later=lambda turn: s.command(["domain", "list"]))
    note(f"domain set: {faults} faults")
    check(f"domain set with {faults} faults: both files or neither, and never a wrong answer", faults > 20 and not wrong, "\n".join(wrong[:8]))


def main():
    s = Aliases()
    kill_tests(s)
    fault_tests(s)
    equal("what was killed left no process", run(["/usr/bin/pgrep", "-f", s.h.etc]).stdout, b"")
    done()


main()
