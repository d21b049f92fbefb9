#!/usr/bin/python3
"""responder and vacation, killed before each system call that changes the disk and with calls failing: whichever program
of root's comes next finishes the change or finds that it was never begun; the text comes whole or not at all.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from answers import put  # noqa: E402
from killing import Stage, differences  # noqa: E402
from tap import check, done, note  # noqa: E402

AUTO = "Subject: Price list\n\n" + "See below.\n" * 400  # more than one write would take by chance
# Few: the others are made to fail where other commands are.
FAILING = {"write": "ENOSPC", "fsync": "EIO", "renameat": "EIO", "unlinkat": "EACCES", "fcntl": "ENOLCK"}


class Answers(Stage):
    """kvt.dk with a responder, and a user on vacation; every case finds the folder of their files."""

    def build(self):
        h = self.h
        a = h.account("k")
        self.text = h.path("text")
        with open(self.text, "w", encoding="utf-8") as f:
            f.write(AUTO)
        h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
        for user in ("abc", "xyz"):
            h.must_admin("user", "add", f"{user}@kvt.dk", "--random")
        h.must_admin("responder", "set", "old@kvt.dk", "--subject", "old", "--file", self.text)
        h.must_admin("vacation", "on", "abc@kvt.dk", "--until", "", "--subject", "Away", "--text-file", self.text)
        put(h, a, "kvt.dk", "old.auto.db", "1795000000 1 s@example.org\n")
        put(h, a, "kvt.dk", "abc.vacation.db", "1795000000 1 s@example.org\n")


def judge(call, r, at_once, state, old, new, after):
    """Old or new; done only where it is."""
    if after.returncode != 0 or state not in (old, new):
        return differences(min((old, new), key=lambda t: len(differences(t, state))), state) or "the next command fails"
    if r.returncode == 0 and state != new:
        return "says that it is done"
    if r.returncode not in (0, 1, 75):
        return "a wrong exit status"
    return None if r.returncode == 0 or r.stderr.strip() or call == "write" else "fails without a word"


def main():
    s = Answers()
    total = 0
    commands = [["responder", "set", "old@kvt.dk", "--file", s.text], ["responder", "delete", "old@kvt.dk"],
                ["vacation", "on", "xyz@kvt.dk", "--until", "2099-12-24", "--text-file", s.text, "--subject", "Away"],
                ["vacation", "off", "abc@kvt.dk"], ["user", "rename", "abc@kvt.dk", "new"]]
    for args in commands:
        kills, wrong, ends = s.killed_everywhere(s.command(args), "root", name=" ".join(args[:2]))
        total += kills
        check(f"{' '.join(args[:2])} killed at {kills} calls: the next command leaves it undone, or done", not wrong, "\n".join(wrong[:4]))
        check("both ends were met", ends["old"] > 0 and ends["new"] > 0, ends)
    for args in commands[2:3]:
        count, wrong = s.failing_everywhere(s.command(args), judge, FAILING, later=lambda _: s.command(["domain", "list"]))
        total += count
        check(f"{' '.join(args[:2])} with {count} faults: old or new, and never a wrong word", count > 15 and not wrong, "\n".join(wrong[:4]))
    note(f"{total} kills and faults")
    done()


main()
