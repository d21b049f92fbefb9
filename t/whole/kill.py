#!/usr/bin/python3
"""virtual-deliver is killed before each of its system calls in turn; then comes the retry of the same message, then one
more message. Nothing is lost, damaged, doubled, glued, blocked or left over, wherever the kill came.
"""
import itertools
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from tap import check, done, note  # noqa: E402

OLD = b"".join(b"From old@example.org Thu Nov 19 08:0%d:00 2026\nSubject: old %d\n\nold text %d\n\n" % (n, n, n) for n in range(3))
TORN = OLD + b"From torn@example.org Thu Nov 19 08:04:00 2026\nSubject: torn\n\nhalf a li"
# name, what stands in the mailbox before, the newlines that are missing before the next message
MAILBOXES = [("no mailbox", None, b""), ("an empty mailbox", b"", b""), ("three messages", OLD, b""),
             ("a torn tail", TORN, b"\n\n"), ("no empty line at the end", OLD[:-1], b"\n")]
SIZES = [("1 KiB", 1024), ("84 KiB", 84 * 1024), ("3 MiB", 3 << 20)]
FROM = len(b"From s@example.org Fri Nov 20 11:32:31 2026\n")
random.seed(2002)


class Trial:
    """One mailbox, one message, and the one after it."""

    def __init__(self, box, old, lead, size, with_id=True, limit=None):
        self.box, self.old, self.lead, self.with_id = box, old, lead, with_id
        self.message, self.further = agent.Message(1, size, with_id), agent.Message(2, 300, with_id)
        self.limit = ["/usr/bin/prlimit", f"--fsize={limit}"] if limit is not None else []
        self.runs = 0

    def kill(self, name, nth, second=0, limited=True):
        """One delivery, killed before its nth call of this name. True if the kill came."""
        self.runs += 1
        r = self.box.deliver(self.message, second, [*(self.limit if limited else []), "/usr/bin/strace", "-qq", "-o", "/dev/null",
                             "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={nth}"])
        return r.returncode == -9

    def calls(self, **before):
        self.box.put(self.old)
        for act in before.values():
            act()
        found, status = agent.calls(self.box, self.message, before=self.limit)
        return [c[:2] for c in found if c[0] not in ("execve", "exit_group")], status

    def problem(self):
        """The retry and one more message; what is wrong then, or None."""
        begin = time.monotonic()
        statuses = [self.box.deliver(self.message, 7).returncode]
        seconds = time.monotonic() - begin
        statuses.append(self.box.deliver(self.further, 9).returncode)
        if statuses != [0, 0]:
            return f"exit {statuses}"
        if seconds > 2:
            return f"the retry took {seconds:.1f} s"
        return self.wrong_bytes() or (f"left over: {self.box.litter()}" if self.box.litter() else None)

    def wrong_bytes(self):
        got, old = self.box.bytes(), self.old or b""
        if not got.startswith(old + self.lead):
            return "the old bytes changed"
        at, copies = len(old + self.lead), 0
        while got.startswith(b"From s@example.org ", at) and got.startswith(self.message.stored + b"\n", at + FROM):
            at, copies = at + FROM + len(self.message.stored) + 1, copies + 1
        if copies != 1 and (self.with_id or copies not in (1, 2)):
            return f"{copies} copies, then {got[at:at + 200]!r}"
        if not got.startswith(b"From s@", at) or got[at + FROM:] != self.further.stored + b"\n":
            return f"behind it: {got[at:at + 200]!r}"
        return None


def kill_each(sentence, trial):
    """Kill before each call; one test."""
    points, _ = trial.calls()
    bad, missed = [], []
    for name, nth in points:
        trial.box.put(trial.old)
        if not trial.kill(name, nth):
            missed.append((name, nth))
        problem = trial.problem()
        if problem:
            bad.append(f"killed before {name} {nth}: {problem}")
    if len(missed) > 5:
        bad.append(f"no kill came at {missed}")
    check(f"killed before each of {len(points)} calls: {sentence}", points and not bad, "\n".join(bad[:12]))
    return trial.runs


def kill_twice(sentence, trial, pairs):
    """Kill a delivery, then kill its retry in its own calls (the ones that repair), then go on."""
    points, _ = trial.calls()
    bad = []
    late = points[next(i for i, p in enumerate(points) if p[0] == "linkat"):]
    for name, nth in random.choices(late, k=pairs):
        again, _ = trial.calls(kill=lambda n=name, m=nth: trial.kill(n, m))
        late_again = again[next(i for i, p in enumerate(again) if p[0] == "fcntl"):]
        for name2, nth2 in random.sample(late_again, 4):
            trial.box.put(trial.old)
            trial.kill(name, nth)
            trial.kill(name2, nth2, 5, limited=False)
            problem = trial.problem()
            if problem:
                bad.append(f"killed before {name} {nth}, the retry before {name2} {nth2}: {problem}")
    check(f"killed, and its retry killed: {sentence}", not bad, "\n".join(bad[:12]))
    return trial.runs


def limited(box):
    """Writes that a file size limit cuts short, and a kill in what follows."""
    runs = 0
    big = OLD * (40 * 1024 // len(OLD)) * 3
    for what, size, parts in (("1 KiB", 1024, (0, 1, 700)), ("84 KiB", 84 * 1024, (0, 4096 * 7, 85000))):
        for part in parts:
            trial = Trial(box, big, b"", size, limit=len(big) + part)
            runs += kill_each(f"{what} that may write {part} bytes", trial)
    trial = Trial(box, OLD * 25000, b"", 3 << 20, limit=len(OLD) * 25000 + 1_000_000)
    points, status = trial.calls()
    check("3 MiB that may write 1,000,000 bytes: deferred", status == 75, status)
    bad = []
    for name, nth in points[-40:]:
        box.put(trial.old)
        trial.kill(name, nth)
        problem = trial.problem()
        if problem:
            bad.append(f"killed before {name} {nth}: {problem}")
    check("killed before each of the last 40 calls: 3 MiB that may write 1,000,000 bytes", not bad, "\n".join(bad[:12]))
    return runs + trial.runs


def while_ids_double(box):
    """The 257th message makes .done double: a kill in that forgets nothing of the 256 before."""
    box.put(b"")
    messages = [agent.Message(n, 300) for n in range(257)]
    for m in messages[:-1]:
        box.deliver(m)
    folder = box.agent.folder
    saved = {n: agent.scratch.read(os.path.join(folder, n)) for n in os.listdir(folder)}
    for nth in range(1, 6):
        box.put(None)
        for name, data in saved.items():
            box.write(data, os.path.join(folder, name))
        trial = Trial(box, None, b"", 300)
        trial.message = messages[-1]
        killed = trial.kill("pwrite64", nth)
        again = messages[::16]
        statuses = {box.deliver(m, 5).returncode for m in again}
        got = box.bytes()
        wrong = [m.mark for m in again if agent.copies(got, m) != 1]
        check(f"killed before pwrite64 {nth} of the delivery that doubles .done: no message before it is stored twice",
              killed and statuses == {0} and not wrong and not box.litter(), (killed, statuses, wrong, box.litter()))


def main():
    box = agent.Agent().box("u1")
    runs = 0
    for (size_name, size), (box_name, old, lead) in itertools.product(SIZES, MAILBOXES):
        if size > 1 << 20 and old in (b"", OLD[:-1]):
            continue  # a large one is slow, and these two differ from others in nothing that its size matters to
        runs += kill_each(f"{size_name}, {box_name}", Trial(box, old, lead, size))
    for box_name, old, lead in MAILBOXES:
        runs += kill_each(f"1 KiB without an id, {box_name}", Trial(box, old, lead, 1024, with_id=False))
    runs += limited(box)
    for (size_name, size), (box_name, old, lead), k in zip(SIZES, (MAILBOXES[0], MAILBOXES[3], MAILBOXES[2]), (20, 12, 12)):
        runs += kill_twice(f"{size_name}, {box_name}", Trial(box, old, lead, size), k)
    while_ids_double(box)
    note(f"{runs} kills")
    done()


main()
