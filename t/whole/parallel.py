#!/usr/bin/python3
"""Sixteen deliverers on one mailbox, some of them killed, beside a program that rewrites it under both locks, procmail, and
one that knows only the dotlock: nothing is lost, doubled or torn. And whose dotlock is respected, and whose is broken.
"""
import fcntl
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

DELIVERERS, EACH, OTHERS = 16, 50, 40
FILLER = b"From filler@example.org Thu Nov 19 08:00:00 2026\nSubject: to be deleted\n\n%03d filler\n\n"


def theirs(who, n):
    return b"From %s@example.org Thu Nov 19 08:01:00 2026\nSubject: theirs\n\n<%s %03d>\n\n" % (who, who, n)


class Dotlock:
    """NAME.lock by O_EXCL, with our pid, as most programs do; wait: seconds between two tries."""

    def __init__(self, path, wait=0.002):
        self.path, self.wait = path + ".lock", wait

    def __enter__(self):
        while True:
            try:
                fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                os.write(fd, b"%d" % os.getpid())
                os.close(fd)
                return self
            except FileExistsError:
                time.sleep(self.wait)

    def __exit__(self, *_):
        os.unlink(self.path)


def rewrite(box, stop, count):
    """Delete a message again and again, under both locks, by another file or in place."""
    while not stop.is_set():
        time.sleep(0.1)
        with Dotlock(box.path), open(box.path, "r+b") as f:
            try:
                fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            data = f.read()
            filler = FILLER % (len(count) % 100)
            kept = data.replace(filler, b"")
            if len(count) % 2:
                box.write(kept, box.path + ".temp")
                os.rename(box.path + ".temp", box.path)
            else:
                f.seek(0)
                f.truncate()
                f.write(kept)
                f.flush()
            count.append(1)


def append_by_dotlock(box):
    for n in range(OTHERS):
        with Dotlock(box.path):
            with open(box.path, "ab") as f:
                f.write(theirs(b"dotlock", n))
        time.sleep(0.01)


def procmail(box):
    rc = os.path.join(box.agent.work, "rc")
    box.write(f"SHELL=/bin/sh\nLOCKSLEEP=1\n:0:\n{box.path}\n".encode(), rc)
    for n in range(OTHERS):
        box.run(["/usr/bin/procmail", "-m", rc], theirs(b"procmail", n)[:-1])


def crowd():
    box = agent.Agent().box("u1")
    box.put(b"".join(FILLER % n for n in range(100)))
    killed, failed, rewrites, stop = [], [], [], threading.Event()
    rewriter = threading.Thread(target=rewrite, args=(box, stop, rewrites))
    rewriter.start()
    begin = time.monotonic()
    with ThreadPoolExecutor(DELIVERERS + 2) as pool:
        jobs = [pool.submit(agent.deliver_all, box, n, EACH, killed, failed) for n in range(DELIVERERS)]
        jobs += [pool.submit(append_by_dotlock, box), pool.submit(procmail, box)]
        for j in jobs:
            j.result()
    stop.set()
    rewriter.join()
    note(f"{DELIVERERS * EACH} messages in {time.monotonic() - begin:.1f} s, {len(killed)} kills, {len(rewrites)} rewrites")
    look_at(box, killed, failed, rewrites)


def look_at(box, killed, failed, rewrites):
    """One more delivery repairs what the last kill left; then everything must be there."""
    equal("the next delivery is stored", box.deliver(agent.Message(99_999)).returncode, 0)
    got, wrong = box.bytes(), []
    for number in range(DELIVERERS):
        for n in range(number * 1000, number * 1000 + EACH):
            if got.count(b"Message-ID: <m%d." % n) != 1:
                wrong.append((n, got.count(b"Message-ID: <m%d." % n)))
    check(f"{DELIVERERS * EACH} messages of ours stand there once", not wrong, wrong[:20])
    for who in (b"dotlock", b"procmail"):
        wrong = [n for n in range(OTHERS) if got.count(theirs(who, n)) != 1]
        check(f"{OTHERS} messages of {who.decode()} stand there once and whole", not wrong, wrong)
    wrong = []
    for line, rest in agent.split(got):
        if line.startswith(b"From s@"):
            number, size = (int(x) for x in rest.partition(b"Message-ID: <m")[2].partition(b"@")[0].split(b"."))
            if rest != agent.Message(number, size).stored + b"\n" and number < 99_999:
                wrong.append(rest[:300])
    check("each of ours is whole, with one empty line behind", not wrong, wrong[:3])
    check("no delivery failed but by a kill", not failed, failed[:5])
    check("kills and rewrites happened", len(killed) > 20 and len(rewrites) > 20, (len(killed), len(rewrites)))
    equal("no lock and no file is left over", box.litter(), [])


# text of a dotlock of another program, its age in seconds, is it respected?
def dotlocks(dead):
    return [("with a live pid", b"%d" % os.getpid(), 100_000, True), ("with a dead pid, 30 s old", b"%d\n" % dead, 30, True),
            ("with a dead pid, 70 s old", b"%d\n" % dead, 70, False), ("that is empty, 29 minutes old", b"", 29 * 60, True),
            ("that is empty, 31 minutes old", b"", 31 * 60, False), ("without a pid, 31 minutes old", b"locked\n", 31 * 60, False),
            ("with the pid 0, 29 minutes old", b"0", 29 * 60, True)]


def foreign_dotlock(box, what, text, age, respected):
    message, lock = agent.Message(1), box.path + ".lock"
    box.put(b"")
    box.write(text, lock)
    os.utime(lock, (time.time() - age,) * 2)
    begin = time.monotonic()
    r = box.deliver(message)
    seconds = time.monotonic() - begin
    if respected:
        check(f"a dotlock {what} is respected: 75 after the deadline", r.returncode == 75 and r.stdout.startswith(b"4.2.0")
              and 19 < seconds < 40 and box.bytes() == b"", f"exit {r.returncode} {r.stdout!r} {seconds:.1f} s")
        check(f"a dotlock {what} is still there", agent.scratch.read(lock) == text and os.path.exists(lock))
    else:
        check(f"a dotlock {what} is broken", r.returncode == 0 and seconds < 2 and agent.copies(box.bytes(), message) == 1
              and not box.litter(), f"exit {r.returncode} {r.stdout!r} {seconds:.1f} s {box.litter()}")


def whose_dotlock():
    """All at once: who is respected makes us wait for 20 s."""
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    a = agent.Agent()
    cases = [(a.box(f"u{n}"), *row) for n, row in enumerate(dotlocks(ended.pid))]
    return [threading.Thread(target=foreign_dotlock, args=c) for c in cases]


def main():
    threads = whose_dotlock()
    for t in threads:
        t.start()
    crowd()
    for t in threads:
        t.join()
    done()


main()
