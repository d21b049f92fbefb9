#!/usr/bin/python3
"""A delivery of several actions is killed before each of its system calls, or each call fails, or the disk is full in the
middle; then comes the retry of the same message. Nothing is lost, and nothing that was done is done again.

What a program did just before the kill cannot be taken back or known: between its start and the note that it is done, and
there alone, it may be started a second time.
"""
import os
import re
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from acting import UID, Acting  # noqa: E402
from scratch import read, wait_for, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

BOXES = ("abc", "def", "ghi", "archive")
PROGRAMS = ("filter", "cmd", "sendmail.owner-list", "sendmail.s", "after")  # in the order in which they are started
LINE = re.compile(rb"^(\w+)\((.*)")
UNTIL_FORK = ("clone", "fork", "vfork", "clone3")
# Between two of these all is the same: a kill before each of them meets every state.
CHANGING = {"write", "pwrite64", "pwritev", "ftruncate", "linkat", "unlinkat", "mkdirat", "fsync", "fdatasync", "poll", "waitid", "wait4",
            "sendto", *UNTIL_FORK}
# What can fail and may not be passed over.
FAILING = {"openat", "openat2", "open", "fstat", "newfstatat", "read", "pread64", "pwrite64", "pwritev", "fsync", "fdatasync", "fcntl", "linkat",
           "mkdirat", "memfd_create", "lseek", "pipe2", "poll", "fchmod", "fstatfs", *UNTIL_FORK}
runs = 0


def message(number):
    return f"Subject: number {number}\nMessage-ID: <m{number}@example.org>\n\ntext\n".encode()


class Stage(Acting):
    def __init__(self, **more):
        super().__init__(**more)
        self.effects = self.path("work", "effects")
        self.counter("cmd", "cmd")
        self.counter("after", "after")
        self.counter("sendmail", "sendmail.${3%@*}")
        self.script("filter", f"#!/bin/sh\ncat\necho filter >>{self.effects}\n")
        self.settings("users/ghi", f"filter = {self.path('filter')}\nafter_storing = {self.path('after')}\n")
        self.aliases(f'all: abc, ghi, {self.folder}/archive, "|{self.path("cmd")} x", list, out@example.org\n'
                     "list: def, m1@example.org, m2@example.org\nowner-list: abc\n")

    def counter(self, name, word):
        """A program that counts itself when it ends."""
        self.script(name, f"#!/bin/sh\ncat >/dev/null\necho {word} >>{self.effects}\n")

    def renew(self):
        self.empty()
        write(self.effects, "", 0o666)

    def send(self, number, before=()):
        global runs
        runs += 1
        return self.deliver("all@kvt.dk", message(number), before=before, queue_id=f"4ABCDE1234{number}")

    def settle(self):
        """Wait until what a killed delivery had started is gone."""
        wait_for(lambda: not any(is_ours(e, self.top) for e in os.listdir("/proc") if e.isdigit()), 10, 0.005)

    def effect(self):
        said = read(self.effects).decode().split()
        return {p: said.count(p) for p in PROGRAMS}

    def copies(self, number):
        mark = f"<m{number}@example.org>".encode()
        return [sum(mark in m for m in self.stored(b)) for b in BOXES]

    def calls_of_one(self):
        """The system calls of one whole delivery: [(name, ordinal, arguments)]."""
        self.renew()
        trace = self.path("work", "trace")
        r = self.send(1, ["/usr/bin/strace", "-o", trace])
        found, seen = [], {}
        for line in read(trace).split(b"\n"):
            m = LINE.match(line)
            if m:
                name = m[1].decode()
                seen[name] = seen.get(name, 0) + 1
                found.append((name, seen[name], m[2]))
        os.unlink(trace)
        equal("undisturbed: all is done, once", (r.returncode, self.copies(1), self.effect()), (0, [1] * 4, dict.fromkeys(PROGRAMS, 1)))
        return found


def is_ours(pid, top):
    try:
        return os.stat(f"/proc/{pid}").st_uid == UID and (top in os.readlink(f"/proc/{pid}/cwd") or top.encode() in read(f"/proc/{pid}/cmdline"))
    except OSError:
        return False


def disturbed(stage, name, what):
    """One delivery with `what` injected into a call of that name. Returns it, and the programs that were started and not
    noted as done."""
    trace = stage.path("work", "trace")
    names = ",".join({name, "fdatasync", *UNTIL_FORK})
    r = stage.send(1, ["/usr/bin/strace", "-qq", "-o", trace, "-e", f"trace={names}", "-e", f"inject={name}:{what}"])
    stage.settle()
    started = []
    for line in read(trace).split(b"\n"):
        called = line.partition(b"(")[0].decode()
        if called in UNTIL_FORK and b"= ?" not in line:
            started.append(False)
        elif called == "fdatasync" and started:
            started[-1] = True
    os.unlink(trace)
    if r.returncode == 75 and started:  # what is noted behind a failed program are the mailboxes in front of it
        started[-1] = False
    return r, {p for p, noted in zip(PROGRAMS, started) if not noted}


def wrong(stage, may_repeat):
    """What is wrong after all tries of message 1 and one of message 2."""
    if stage.copies(1) != [1] * 4 or stage.copies(2) != [1] * 4:
        return f"copies {stage.copies(1)} {stage.copies(2)}"
    for program, count in stage.effect().items():
        if count != 2 and not (count == 3 and program in may_repeat):
            return f"{program}: {count} times"
    return f"left over: {stage.litter()}" if stage.litter() else None


def killed_everywhere(stage, calls):
    bad, missed, points = [], 0, 0
    for name, nth, args in calls:
        if name not in CHANGING and not (name == "openat" and b"O_CREAT" in args):
            continue
        points += 1
        stage.renew()
        r, unsure = disturbed(stage, name, f"signal=KILL:when={nth}")
        missed += r.returncode != -9
        begin = time.monotonic()
        statuses = [stage.send(1).returncode, stage.send(2).returncode]
        problem = f"exit {statuses}" if statuses != [0, 0] else wrong(stage, unsure)
        if time.monotonic() - begin > 4:
            problem = f"the retry took {time.monotonic() - begin:.1f} s"
        if problem:
            bad.append(f"before {name} {nth}: {problem}")
    check(f"killed before each of {points} calls of {len(calls)}: the retry does what is left, and nothing twice", not bad and missed < 8,
          "\n".join(bad[:12]) + f"\nmissed {missed}")


def failing_everywhere(stage, calls):
    bad, deferred, points = [], 0, 0
    for i, (name, nth, _) in enumerate(calls):
        if name not in FAILING:
            continue
        points += 1
        error = ("EIO", "ENOSPC")[i % 2]
        stage.renew()
        r, unsure = disturbed(stage, name, f"error={error}:when={nth}")
        deferred += r.returncode == 75
        statuses = [stage.send(1).returncode] if r.returncode == 75 else []
        after = stage.effect()["after"]
        statuses.append(stage.send(2).returncode)
        problem = wrong(stage, unsure | {"after"})
        if r.returncode not in (0, 75) or set(statuses) != {0}:
            problem = f"exit {r.returncode} {r.stdout!r} {statuses}"
        elif r.returncode == 0 and after == 0 and problem and problem.startswith("after: 1"):
            problem = None  # what comes after may be left out
        if problem:
            bad.append(f"{error} at {name} {nth}: {problem}")
    check(f"an error at each of {points} calls ({deferred} deferred): nothing is lost or done twice", not bad and deferred > 20, "\n".join(bad[:12]))


def full_disk():
    """No room for some of a list's members: the retry gives the message to them alone."""
    users = [f"u{n:02}" for n in range(24)]
    stage = Stage(users=["abc", "def", "ghi", *users], disk="1m")
    stage.aliases(f'all: {", ".join(users)}, "|{stage.path("cmd")}", out@example.org\n')
    text = message(1) + b"x" * 60000 + b"\n"
    stage.renew()
    first = stage.deliver("all@kvt.dk", text)
    have = [u for u in users if os.path.exists(stage.mailbox(u)) and len(stage.stored(u)) == 1]
    check("a full disk in the middle of a list: deferred", first.returncode == 75 and first.stdout.startswith(b"4.3."), first.stdout)
    check(f"{len(have)} of {len(users)} members have it", 0 < len(have) < len(users), have)
    equal("nothing was sent on", stage.effect()["sendmail.s"], 0)
    again = stage.deliver("all@kvt.dk", text)
    equal("while it is full: nobody has it twice", (again.returncode, max(len(stage.stored(u)) for u in have)), (75, 1))
    os.system(f"mount -o remount,size=64m {stage.spool}")
    last = stage.deliver("all@kvt.dk", text)
    equal("with room again: everybody has it, once; it was sent once", (last.returncode, {len(stage.stored(u)) for u in users}, stage.effect()["sendmail.s"]), (0, {1}, 1))
    check("the command ran once", stage.effect()["cmd"] == 1, stage.effect())


def two_at_once(stage):
    """Two tries of one message at a time: the second waits, and finds all done."""
    for k in range(6):
        stage.renew()
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(stage.send(1).returncode)) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        ok = statuses == [0] * 3 and stage.copies(1) == [1] * 4 and stage.effect() == dict.fromkeys(PROGRAMS, 1)
        if not ok or k == 5:
            check("three tries of one message at once: all is done, once", ok, (statuses, stage.copies(1), stage.effect()))
            return


def remembered_for_long(stage):
    """A message is tried for days while thousands of others come, for which a mailbox forgets it."""
    stage.renew()
    blocked = stage.mailbox("def")
    os.mkdir(blocked, 0o755)
    equal("one mailbox of several cannot be written to", [stage.send(1).returncode for _ in range(2)], [75, 75])
    for box in ("abc", "ghi", "archive"):
        os.unlink(os.path.join(stage.folder, f".{box}.done"))
    os.rmdir(blocked)
    equal("and when it can be", stage.send(1).returncode, 0)
    equal("nobody has it twice, and nothing ran twice", (stage.copies(1), stage.effect()), ([1] * 4, dict.fromkeys(PROGRAMS, 1)))


def main():
    stage = Stage()
    calls = stage.calls_of_one()
    killed_everywhere(stage, calls)
    failing_everywhere(stage, calls)
    two_at_once(stage)
    remembered_for_long(stage)
    full_disk()
    note(f"{runs} deliveries")
    done()


main()
