#!/usr/bin/python3
"""Eight deliverers and four POP3 sessions that fetch and delete, some of them killed, on one mailbox, beside somebody who
changes its password: every message was fetched and deleted once, or is there once. And other mail programs that rewrite the
mailbox in the middle of a session: it says -ERR [SYS/TEMP], and nothing is lost or damaged.

usage: pop3_crowd.py [MESSAGES]
"""
import os
import random
import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import pop3d  # noqa: E402
import scratch  # noqa: E402
from neighbours import THEIRS, Neighbours  # noqa: E402
from pop3 import Pop3, md5_hash, plain  # noqa: E402
from pop3trial import Trials, cut, mbox  # noqa: E402
from scratch import wait_for  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

agent.UID = 60312  # it gets a name: see neighbours.py
DELIVERERS, SESSIONS = 8, 4
SIZES = (300, 3000, 12_000)
SOME = 12  # messages that a session fetches at most, so that most of the mailbox stays and has to be copied
MARK = re.compile(rb"Message-ID: <m(\d+)\.(\d+)@")


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, TypeError):
        pass  # it was faster


class Crowd:
    def __init__(self, t, box, messages):
        self.t, self.box, self.lock = t, box, threading.Lock()
        self.server = pop3d.ours(self.t)
        self.each = messages // DELIVERERS
        self.delivering = DELIVERERS
        self.gone, self.maybe = {}, set()  # number → how many sessions deleted it; those of which nobody knows
        self.wrong = []
        self.counts = dict.fromkeys(("sessions", "in use", "killed", "reset", "passwords", "retries"), 0)

    def add(self, what):
        with self.lock:
            self.counts[what] += 1

    # --- who writes ---

    def deliver(self, who):
        rng = random.Random(who)
        for n in range(who * self.each, (who + 1) * self.each):
            message = agent.Message(n, rng.choice(SIZES))
            while (r := self.box.deliver(message, n % 60)).returncode != 0:
                self.add("retries")
                if r.returncode != 75 or not r.stdout.startswith(b"4.2.0"):
                    self.wrong.append(f"delivery: {r.returncode} {r.stdout!r}")
                    break
        with self.lock:
            self.delivering -= 1

    def change_password(self):
        """To the same one, with another salt: no login may be refused for it."""
        while self.delivering:
            h = md5_hash("secret", f"salt{self.counts['passwords'] % 1000}")
            r = scratch.run([f"{self.t.bin}/postfix-virtual", "-c", self.t.etc, "user", "password", "u1@kvt.dk", "--hash", h])
            self.add("passwords")
            if r.returncode != 0:
                self.wrong.append(f"password: {r.returncode} {r.stderr!r}")
            time.sleep(0.02)

    # --- who reads ---

    def fetch(self, p, rng, most):
        """Fetch some, mark some as deleted; returns their numbers."""
        count = p.count()[0]
        some = sorted(rng.sample(range(1, count + 1), min(count, most)))
        p.send(b"".join(b"RETR %d\r\n" % i for i in some))
        numbers = {}
        for i in some:
            first = p.line()
            text = plain(p.lines()) if first.startswith(b"+OK") else b""
            m = MARK.search(text)
            message = agent.Message(int(m[1]), int(m[2])) if m else None
            if not first.startswith(b"+OK") or not m or text != message.stored.replace(b"\n>From ", b"\nFrom "):
                self.wrong.append(f"RETR {i}: {first!r} {text[-200:]!r}")
                continue
            numbers[i] = int(m[1])
        if len(set(numbers.values())) != len(numbers):
            self.wrong.append(f"a message is there twice: {sorted(numbers.values())}")
        chosen = [i for i in numbers if rng.random() < 0.8]
        if not all(a.startswith(b"+OK") for a in p.pipeline([f"DELE {i}" for i in chosen])):
            self.wrong.append("DELE was refused")
        return [numbers[i] for i in chosen]

    def end(self, p, numbers, rng):
        """QUIT, or what happens to sessions."""
        how = rng.random()
        if how < 0.1:
            self.add("reset")
            p.reset()
        elif how < 0.25:
            pid = pop3d.session_process(p, self.server)
            threading.Timer(rng.random() * 0.006, kill, (pid,)).start()
            try:
                answer = p.quit()
            except OSError:
                answer = b""
            wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
            self.add("killed")
            self.count(numbers, answer)
        else:
            self.count(numbers, p.quit(), must=True)

    def count(self, numbers, answer, must=False):
        with self.lock:
            if answer.startswith(b"+OK"):
                for n in numbers:
                    self.gone[n] = self.gone.get(n, 0) + 1
            else:
                self.maybe.update(numbers)
            if must and not answer.startswith(b"+OK"):
                self.wrong.append(f"QUIT: {answer!r} {self.t.log.lines[-2:]}")

    def read(self, who):
        rng = random.Random(1000 + who)
        while self.delivering:
            p = Pop3(*self.server.at)
            answer = p.login("u1@kvt.dk", "secret")[1]
            if answer.startswith(b"-ERR [IN-USE]"):
                self.add("in use")
                p.close()
                time.sleep(0.01 + rng.random() / 50)
                continue
            self.add("sessions")
            if not answer.startswith(b"+OK"):
                self.wrong.append(f"login: {answer!r}")
                return
            self.end(p, self.fetch(p, rng, SOME), rng)
            time.sleep(rng.random() / 100)

    # --- and what came of it ---

    def run(self):
        self.box.put(None)
        begin = time.monotonic()
        with ThreadPoolExecutor(DELIVERERS + SESSIONS + 1) as pool:
            jobs = [pool.submit(self.deliver, n) for n in range(DELIVERERS)]
            jobs += [pool.submit(self.read, n) for n in range(SESSIONS)] + [pool.submit(self.change_password)]
            for j in jobs:
                j.result()
        note(f"{DELIVERERS * self.each} messages in {time.monotonic() - begin:.1f} s; {self.counts}; {len(self.gone)} deleted, "
             f"of {len(self.maybe - set(self.gone))} nobody was told")
        self.look()

    def look(self):
        last = agent.Message(999_999)
        begin = time.monotonic()
        equal("the next delivery is stored", self.box.deliver(last).returncode, 0)
        check("at once", time.monotonic() - begin < 2, time.monotonic() - begin)
        there, torn = {}, []
        for message in cut(self.box.bytes()):
            m = MARK.search(message)
            n = int(m[1]) if m else -1
            there[n] = there.get(n, 0) + 1
            if not m or message.partition(b"\n")[2] != agent.Message(n, int(m[2])).stored + b"\n":
                torn.append(message[-300:])
        everything = range(DELIVERERS * self.each)
        check("no message is lost", not (lost := [n for n in everything if not there.get(n) and n not in self.gone and n not in self.maybe]), lost[:20])
        twice = [n for n in everything if there.get(n, 0) + self.gone.get(n, 0) > 1]
        check("none is there twice, or was deleted twice, or is there although it was deleted", not twice, twice[:20])
        check("none is torn or changed", not torn and there.get(999_999) == 1, torn[:3])
        check("nothing was refused that is right, and nothing else went wrong", not self.wrong, "\n".join(self.wrong[:8]))
        equal("nothing is left over", self.box.litter(), [])
        c = self.counts
        check("sessions, kills and changed passwords happened", min(c["sessions"], c["passwords"]) > 10 and c["killed"] and len(self.gone) > self.each and len(there) > self.each, c)


# --- neighbours that rewrite in the middle of a session ---

OLD = mbox(20, 800)


class Rewriters(Neighbours):
    """The neighbours, and programs that know only the dotlock, or no lock at all."""

    def dotlocked(self, act):
        lock = self.box.path + ".lock"
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o644))
        act()
        os.unlink(lock)

    def replace(self, data):
        self.box.write(data, self.box.path + ".temp")
        os.rename(self.box.path + ".temp", self.box.path)

    def dotlock_only_shorter(self):
        self.dotlocked(lambda: self.replace(b"".join(cut(OLD)[:1] + cut(OLD)[4:])))

    def dotlock_only_longer(self):
        self.dotlocked(lambda: self.replace(THEIRS + b"\n" + OLD))

    def dotlock_only_in_place(self):
        """It writes the same file anew, without its first message."""
        self.dotlocked(lambda: self.in_place(b"".join(cut(OLD)[1:])))

    def in_place(self, data):
        with open(self.box.path, "r+b") as f:
            f.truncate(0)
            f.write(data)

    def same_size(self):
        """As long as before, and other bytes: two messages change places."""
        m = cut(OLD)
        self.in_place(b"".join(m[:2] + [m[3], m[2]] + m[4:]))

    def emptied(self):
        self.in_place(b"")

    def removed(self):
        os.unlink(self.box.path)

    def appends(self):
        with open(self.box.path, "ab") as f:
            f.write(THEIRS + b"\n")

    def restored(self):
        """A copy of the same bytes, by another inode."""
        self.replace(OLD)

    def mutt_deletes(self):
        return self.mutt("<delete-message><quit>")


# what they do, and whether the session can go on as if nothing had happened
ACTS = [("appends", True), ("procmail", True), ("dovecot_fetch", None), ("dovecot_flags", None), ("dovecot_expunge", False),
        ("mutt_deletes", False), ("dotlock_only_shorter", False), ("dotlock_only_longer", False), ("dotlock_only_in_place", False),
        ("same_size", None), ("emptied", False), ("removed", False), ("restored", False)]


def without(data, mark):
    return b"".join(m for m in cut(data) if mark not in m)


def meanwhile(t, neighbours, act, goes_on, asks):
    """asks: RETR behind what the neighbour did, or QUIT at once. Message 3 is deleted."""
    box = neighbours.box
    box.put(OLD)
    session = pop3d.Session(t, f"{box.user}@kvt.dk")
    session.client.ask("DELE 3")
    first = session.client.retrieve(1)
    problem = getattr(neighbours, act)()
    after, deleted = box.bytes(), without(box.bytes(), b"<3@example.org>")
    sentence = f"{act.replace('_', ' ')} in the middle of a session"
    count = session.client.count()[0]
    answer, text = session.client.ask_lines("RETR 20") if asks else (None, None)
    quit_ = session.quit()
    check(f"{sentence}: it works", problem is None and first.startswith(b"Return-Path: "), problem)
    equal(f"{sentence}: it goes on to see the messages of its login", count, 19)
    if asks:
        right = answer.startswith(b"+OK") and plain(text) == cut(OLD)[19].partition(b"\n")[2][:-1]
        check(f"{sentence}: RETR sends what was there, or says -ERR [SYS/TEMP]",
              (right and goes_on is not False) or (answer.startswith(b"-ERR [SYS/TEMP]") and goes_on is not True), answer)
    told = quit_.startswith(b"+OK") and (goes_on or not asks or right)
    check(f"{sentence}: QUIT{' behind that' if asks else ''}: +OK and removed, or -ERR [SYS/TEMP] and as they left it",
          (told and box.bytes() == deleted) or (quit_.startswith(b"-ERR [SYS/TEMP]") and not goes_on and box.bytes() == after),
          (quit_, len(box.bytes()), len(after), len(deleted)))
    check(f"{sentence}: nothing is left over", not box.litter() and box.exists() == (act != "removed"), box.litter())


def truncated_under_retr(t, box):
    """The mailbox is emptied while a large message is being sent: no final dot, and the connection ends."""
    line = b"x" * 71 + b"\n"
    box.put(b"From s@example.org Fri Nov 20 09:56:12 2026\nSubject: large\n\n" + line * 600_000 + b"\n" + OLD)
    session = pop3d.Session(t, f"{box.user}@kvt.dk")
    session.client.ask("DELE 2")
    session.client.send(b"RETR 1\r\n")
    time.sleep(0.3)
    os.truncate(box.path, 0)
    got = session.client.rest
    while session.client._more():
        pass
    got = session.client.rest
    check("emptied under a RETR: no final dot, and the connection ends", got.startswith(b"+OK") and not got.endswith(b"\r\n.\r\n") and
          len(got) < 600_000 * 73, (len(got), got[-80:]))
    check("emptied under a RETR: the process ends by itself", (status := session.wait()) >= 0, status)
    equal("emptied under a RETR: and does nothing", (box.bytes(), box.litter()), (b"", []))


def main():
    t = Trials(log=True)
    box, crowded = t.boxes(["u2", "u1"])
    neighbours = Rewriters(box)
    Crowd(t, crowded, int(sys.argv[1]) if len(sys.argv) > 1 else 800).run()
    for act, goes_on in ACTS:
        for asks in (True, False):
            meanwhile(t, neighbours, act, goes_on, asks)
    truncated_under_retr(t, box)
    done()


main()
