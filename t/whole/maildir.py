#!/usr/bin/python3
"""Deliveries into a Maildir are killed before each of their system calls, fail at each, run out of disk, come all at once and
while the mailbox is converted there and back: each message is there once and whole, and nothing is left over.
"""
import itertools
import os
import random
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import scratch  # noqa: E402
from house import House  # noqa: E402
from readers import python_texts  # noqa: E402
from tap import check, done, equal  # noqa: E402

CANNOT_FAIL = {"execve", "arch_prctl", "set_tid_address", "exit_group", "getpid", "getppid", "geteuid", "getuid", "munmap", "brk", "uname"}
STAY = {"", ".maildir", ".done"}
random.seed(2026)


def plain(message):
    """What stands in a file of its own: there is nothing to be quoted."""
    return message.stored.replace(b"\n>From the", b"\nFrom the")


class Dir:
    """A user's Maildir."""

    def __init__(self, a, user="u1"):
        self.box, self.path = a.box(user), os.path.join(a.folder, user)
        folder = os.path.join(a.etc, agent.DOMAIN, "users")
        os.makedirs(folder, 0o700, exist_ok=True)
        os.chown(folder, agent.UID, agent.UID)
        self.box.write(b"mailbox_format = maildir\n", os.path.join(folder, user))

    def deliver(self, message, second=0, before=()):
        return self.box.deliver(message, second, before)

    def put(self, messages):
        """None: no mailbox; else a Maildir with these, and with what deliveries have noted."""
        self.box.put(None)
        for m in messages or ():
            assert self.deliver(m).returncode == 0

    def names(self, folder):
        path = os.path.join(self.path, folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def texts(self):
        return [scratch.read(os.path.join(self.path, f, n)) for f in ("new", "cur") for n in self.names(f)]

    def read_all(self):
        """What a reader does with new mail."""
        for n in self.names("new"):
            os.rename(os.path.join(self.path, "new", n), os.path.join(self.path, "cur", n + ":2,S"))

    def litter(self):
        ours = [n for n in os.listdir(self.box.agent.folder) if n.strip(".").split(".")[0] == self.box.user]
        return [n for n in ours if n.lstrip(".").removeprefix(self.box.user) not in STAY] + [f"tmp/{n}" for n in self.names("tmp")]


OLD = [agent.Message(n, 300) for n in (11, 12)]


class Trial:
    def __init__(self, box, old, size, with_id=True):
        self.box, self.old = box, old
        self.message, self.further = agent.Message(1, size, with_id), agent.Message(2, 300, with_id)

    def points(self):
        self.box.put(self.old)
        found, _ = agent.calls(self.box.box, self.message)
        times = {n: i for n, i, _ in found}
        # Of many alike the first and the last do.
        return [(n, i) for n, i, _ in found if n not in ("execve", "exit_group") and (i < 5 or i > times[n] - 4 or times[n] < 20)]

    def inject(self, name, what):
        return self.box.deliver(self.message, 3, ["/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:{what}"])

    def problem(self):
        """The retry and one more message; what is wrong then, or None."""
        begin = time.monotonic()
        statuses = [self.box.deliver(m, 7).returncode for m in (self.message, self.further)]
        if statuses != [0, 0] or time.monotonic() - begin > 4:
            return f"exit {statuses}, {time.monotonic() - begin:.1f} s"
        want = sorted(plain(m) for m in (*(self.old or ()), self.message, self.further))
        got = sorted(self.box.texts())
        if got != want:
            return f"{len(got)} messages, not {len(want)}: {[(len(t), t[:300]) for t in got if t not in want]}"
        return f"left over: {self.box.litter()}" if self.box.litter() else None


def kill_each(sentence, trial, reader=False):
    bad, kills = [], 0
    points = trial.points()
    for name, nth in points:
        trial.box.put(trial.old)
        kills += trial.inject(name, f"signal=KILL:when={nth}").returncode == -9
        if reader:
            trial.box.read_all()
        problem = trial.problem()
        if problem:
            bad.append(f"killed before {name} {nth}: {problem}")
    check(f"killed before each of {len(points)} calls: {sentence}", kills > len(points) - 5 and not bad, "\n".join(bad[:12]))


def fail_each(sentence, trial, error):
    bad, deferred = [], 0
    points = [p for p in trial.points() if p[0] not in CANNOT_FAIL]
    for name, nth in points:
        trial.box.put(trial.old)
        r = trial.inject(name, f"error={error}:when={nth}")
        deferred += r.returncode == 75
        got, old = sorted(trial.box.texts()), sorted(plain(m) for m in trial.old or ())
        if r.returncode == 0:
            problem = None if got == sorted([*old, plain(trial.message)]) else "exit 0, and not stored"
        elif r.returncode == 75:
            problem = None if got == old and r.stdout.startswith(b"4.") else f"75 {r.stdout!r}, and {len(got)} messages"
        else:
            problem = f"exit {r.returncode} {r.stdout!r}"
        problem = problem or trial.problem()
        if problem:
            bad.append(f"{name} {nth}: {problem}")
    check(f"{error} at each of {len(points)} calls: {sentence} ({deferred} deferred)", deferred > 10 and not bad, "\n".join(bad[:12]))


def fill(path, leave):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except OSError:
        os.ftruncate(fd, max(0, os.fstat(fd).st_size - leave))
    finally:
        os.close(fd)


def full_disk():
    """A tmpfs without room: what does not fit is deferred, and leaves nothing."""
    box = Dir(agent.Agent(disk="2m"))
    filler, bad, deferred = os.path.join(box.box.agent.folder, "filler"), [], 0
    sizes = (300, 20_000, 84 * 1024)
    for leave, size, old in itertools.product((0, 4096, 8192, 20480, 90112), sizes, (None, OLD)):
        box.put(old)
        trial = Trial(box, old, size)
        fill(filler, leave)
        r = box.deliver(trial.message, 3)
        deferred += r.returncode == 75
        got = len(box.texts()) - len(old or ())
        if (r.returncode, got) not in ((0, 1), (75, 0)) or (r.returncode == 75 and not r.stdout.startswith(b"4.3.1")) or box.names("tmp"):
            bad.append(f"{size} bytes, room for {leave}: exit {r.returncode} {r.stdout!r}, {got} more, {box.names('tmp')}")
        os.unlink(filler)
        problem = trial.problem()
        bad += [f"{size} bytes, room for {leave}, then: {problem}"] if problem else []
    check(f"a full disk: deferred with 4.3.1 ({deferred} times) or stored, and nothing is left", deferred > 10 and not bad, "\n".join(bad[:12]))


# --- all at once ---

DELIVERERS, EACH = 8, 40


def crowd():
    box = Dir(agent.Agent())
    killed, failed, stop = [], [], threading.Event()

    def reader():
        while not stop.is_set():
            box.read_all()
            time.sleep(0.01)
    thread = threading.Thread(target=reader)
    thread.start()
    with ThreadPoolExecutor(DELIVERERS) as pool:
        for job in [pool.submit(agent.deliver_all, box.box, n, EACH, killed, failed) for n in range(DELIVERERS)]:
            job.result()
    stop.set()
    thread.join()
    equal("the next delivery is stored", box.deliver(agent.Message(99_999)).returncode, 0)
    found = [int(re.search(rb"Message-ID: <m(\d+)\.", t)[1]) for t in box.texts()]
    want = [99_999] + [number * 1000 + n for number in range(DELIVERERS) for n in range(EACH)]
    check(f"{DELIVERERS * EACH} messages of {DELIVERERS} deliverers, {len(killed)} of which were killed: each is there once",
          sorted(found) == sorted(want) and len(killed) > 5, (sorted(set(want) - set(found)), [n for n in set(found) if found.count(n) > 1], len(killed)))
    equal("no delivery failed but by a kill", failed[:5], [])
    check("nothing is left over", not box.litter(), box.litter())


# --- while it is converted ---

def conversions():
    """Mail comes while an administrator converts the mailbox again and again."""
    h = House()
    account = h.account("a")
    h.domain("kvt.dk", account, {"abc": "."})
    path, bad, stop, turns = os.path.join(h.spool, "kvt.dk", "abc"), [], threading.Event(), []

    def deliver(number):
        for n in range(25):
            # The same message twice, as after a crash of Postfix: whatever the mailbox is by then, it is known.
            for _ in range(2):
                r = h.hand_over(account, "abc@kvt.dk", b"Subject: %d\n\nFrom the body\n" % (number * 100 + n), queue_id=f"{number * 100 + n + 0x4AB00000:X}")
                bad.extend([] if (r.returncode, r.stdout) == (0, b"") else [(number, n, r.returncode, r.stdout)])

    def convert():
        for format_ in itertools.cycle(("maildir", "mbox")):
            if stop.is_set():
                return
            r = h.admin("mailbox", "convert", "abc@kvt.dk", format_)
            turns.append((format_, r.returncode, r.stderr))
    equal("the first message", h.hand_over(account, "abc@kvt.dk", b"Subject: 9999\n\nFrom the body\n").returncode, 0)
    thread = threading.Thread(target=convert)
    thread.start()
    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(deliver, number) for number in range(4)]:
            job.result()
    stop.set()
    thread.join()
    equal("no delivery failed", bad[:5], [])
    wrong = [t for t in turns if t[1] != 0]
    check(f"{len(turns)} conversions, none failed", len(turns) > 4 and not wrong, wrong[:3])
    for format_ in ("maildir", "mbox"):
        h.admin("mailbox", "convert", "abc@kvt.dk", format_)
        found = sorted(int(re.search(rb"Subject: (\d+)", t)[1]) for t in python_texts(path))
        equal(f"all messages are there once in the end: {format_}", found, sorted([9999] + [n * 100 + k for n in range(4) for k in range(25)]))
    left = [n for n in os.listdir(os.path.dirname(path)) if "to-" in n or n.endswith((".new", ".making"))]
    equal("and nothing half done beside it", left, [])


def main():
    box = Dir(agent.Agent())
    for what, old, size in (("no mailbox", None, 1024), ("a used Maildir", OLD, 1024), ("a used Maildir", OLD, 3 << 20)):
        kill_each(f"{size} bytes, {what}", Trial(box, old, size))
    kill_each("1024 bytes, a used Maildir, and a reader comes before the retry", Trial(box, OLD, 1024), reader=True)
    for error, (what, old) in itertools.product(("ENOSPC", "EIO"), (("no mailbox", None), ("a used Maildir", OLD))):
        fail_each(f"1024 bytes, {what}", Trial(box, old, 1024), error)
    full_disk()
    crowd()
    conversions()
    done()


main()
