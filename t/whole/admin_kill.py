#!/usr/bin/python3
"""postfix-virtual killed before each system call that changes the disk, in root's process and in the child that is
the account: whichever program of root's comes next finishes the change or finds that it was never begun; nothing half, no litter.
And every call of `user password` made to fail: the old password or the new one.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH  # noqa: E402
from killing import Stage, differences  # noqa: E402
from scratch import run, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

OTHER = HASH[:-1] + "."
MAIL = b"From a@b.dk Fri Nov 20 10:00:00 2026\n\nx\n\n"


class Users(Stage):
    """kvt.dk and two users."""

    def build(self):
        h = self.h
        a = self.a = h.account("k")
        h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
        for name in ("abc", "kvt"):
            h.must_admin("user", "add", f"{name}@kvt.dk", "--hash", HASH)
        write(f"{h.spool}/kvt.dk/abc", MAIL, 0o600, a)
        self.folders = [f"{h.etc}/kvt.dk", f"{h.spool}/kvt.dk", a.pw_dir]


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
        kills, wrong, ends = s.killed_everywhere(s.command(args), "root")
        if in_child:
            more, bad, child_ends = s.killed_everywhere(s.command(args), "child", paths)
            check(f"{' '.join(args[:2])}: the child was killed too", more > 0, more)
            kills, wrong = kills + more, wrong + bad
            ends = {k: ends[k] + child_ends[k] for k in ends}
        total += kills
        check(f"{' '.join(args[:2])} killed at {kills} calls: the next command leaves it undone or done, whole", not wrong, "\n".join(wrong[:5]))
        check("both ends were met", ends["old"] > 0 and ends["new"] > 0, ends)
    check("enough kills", total > 150, total)


def judge_password(call, r, at_once, state, old, new, after):
    """The old password or the new one, and a true exit status."""
    passwd = "etc/kvt.dk/passwd"
    good = state in (old, new) and after.returncode == 0 and at_once[passwd] in (old[passwd], new[passwd])
    good = good and (r.returncode in (75, 127) or (r.returncode == 0 and state == new) or (r.returncode == 1 and state == old))
    if call == "mmap" and r.returncode == -11:
        good = state == old  # the dynamic loader's way to say that it has no memory
    if r.returncode == 75 and not r.stderr.strip() and call != "write":  # that may have been the sentence itself
        good = False
    return None if good else differences(min((old, new), key=lambda t: len(differences(t, state))), state) or "a wrong exit status"


def fault_tests(s):
    # A close() that fails here is not made either: of a pipe, the other side would wait.
    faults, wrong = s.failing_everywhere(s.command(["user", "password", "abc@kvt.dk", "--hash", OTHER]), judge_password, None,
                                         lambda call: private_paths(s) if call == "close" else (), lambda turn: s.command(["domain", "list"]))
    note(f"user password: {faults} faults")
    check(f"user password with {faults} faults: the old one or the new one, and never a wrong answer", faults > 100 and not wrong, "\n".join(wrong[:8]))


def main():
    s = Users()
    kill_tests(s)
    fault_tests(s)
    equal("what was killed left no process", run(["/usr/bin/pgrep", "-f", s.h.etc]).stdout, b"")
    done()


main()
