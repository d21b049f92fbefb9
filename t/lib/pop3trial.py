"""pop3trial.py: the same mailbox and the same session again and again, each time disturbed in another way: every try is
a user's of his own, so that none waits for another's second (an index is not written for a mailbox that is younger).

    t = Trials()                              # an Agent whose users log in with `secret`
    for trial in t.trials(case, 40): session = trial.open(); ...; trial.wrong(...)
"""
import itertools
import os
import re
import time

import agent
import pop3d
import scratch
from pop3 import mbox, md5_hash, plain

FROM = re.compile(rb"From s@example\.org [^\n]{24}\n")


def cut(data):
    """An mbox of mbox() as its messages, each with its From_ line and its empty line."""
    return re.split(rb"(?m)^(?=From )", data)[1:]


def with_status(message):
    """What becomes of a message that was sent, where write_status says so."""
    return message.replace(b"\n\n", b"\nStatus: RO\n\n", 1)


def maildir(box, data):
    """The same messages as files, some new and some seen."""
    os.mkdir(box.path, 0o700)
    for name in ("cur", "new", "tmp"):
        os.mkdir(os.path.join(box.path, name), 0o700)
    for n, message in enumerate(cut(data)):
        place = f"new/{n + 10}.M1P1.host" if n % 2 else f"cur/{n + 10}.M1P1.host:2,{'S' if n % 4 else ''}"
        box.write(re.sub(rb"(?m)^>(>*From )", rb"\1", message.partition(b"\n")[2][:-1]), os.path.join(box.path, place))
    scratch.must(["/usr/bin/chown", "-R", f"{agent.UID}:{agent.UID}", box.path])


def raw(path):
    """An mbox's bytes; of a Maildir what its files hold."""
    if not os.path.isdir(path):
        return cut(scratch.read(path))
    names = [(n, d) for d in ("cur", "new") for n in os.listdir(os.path.join(path, d))]
    return [scratch.read(os.path.join(path, d, n)) for n, d in sorted(names)]


class Case:
    """What is in a mailbox, what a session says before QUIT, and what must be in it then."""

    def __init__(self, name, data, commands, deleted=(), read=(), status=False, old=False):
        """deleted, read: numbers of messages; status: write_status = yes; old: the mailbox is more than a second old."""
        self.name, self.data, self.commands, self.old = name, data, commands, old
        self.settings = {"write_status": "yes"} if status else {}
        messages = enumerate(cut(data), 1)
        self.after = b"".join(with_status(m) if status and n in read else m for n, m in messages if n not in deleted)


def dele(numbers):
    return [f"DELE {n}" for n in numbers]


def cases(big=600):
    """Few and many messages, of which one, some, half and all are deleted. big: how many messages the large one has."""
    small, large, every = mbox(7, 1000), mbox(big, 1000), range(1, 8)
    return [
        Case("1 of 1 deleted", mbox(1, 1000), dele([1]), [1]),
        Case("the first of 7 deleted", small, dele([1]), [1]),
        Case("every second of 7 deleted", small, dele([2, 4, 6]), [2, 4, 6]),
        Case("the last 4 of 7 deleted", small, dele([4, 5, 6, 7]), [4, 5, 6, 7]),
        Case("all of 7 deleted", small, dele(every), every),
        Case("2 of 7 read, and noted as read", small, ["RETR 2", "RETR 7"], read=[2, 7], status=True),
        Case("2 of 7 read, 2 deleted", small, ["RETR 2", "RETR 7", *dele([2, 3])], [2, 3], [2, 7], True),
        Case("2 of 7 read, 1 deleted, and nothing noted", small, ["RETR 2", "RETR 7", "DELE 3"], [3]),
        Case(f"half of {big} deleted", large, dele(range(1, big, 2)), range(1, big, 2), old=True),
        Case(f"ids of {big} asked for, nothing deleted", large, ["UIDL"], old=True),
    ]


class Trials(agent.Agent):
    """An Agent with many users."""

    def __init__(self, disk="512m", **more):
        super().__init__(disk, **more)
        self.hash = md5_hash("secret")
        self.numbers = itertools.count(1)

    def trials(self, case, count):
        """So many mailboxes, each as the case says; they are old enough when this returns."""
        boxes = self.boxes([f"u{next(self.numbers)}" for _ in range(count)])
        self.configure(**case.settings)
        self.users = self.users[-count:]
        for box in boxes:
            box.put(case.data)
        if case.old:
            time.sleep(1.1)
        return [Trial(self, case, box) for box in boxes]


class Trial:
    def __init__(self, agent_, case, box):
        self.agent, self.case, self.box = agent_, case, box

    def open(self, last="QUIT"):
        """A session in which everything was said but its last line."""
        name = f"{self.box.user}@{agent.DOMAIN}"
        if last != "QUIT":
            session = pop3d.Session(self.agent)
            session.client.ask(f"USER {name}")
            return session
        session = pop3d.Session(self.agent, name)
        if not session.login.startswith(b"+OK"):
            raise RuntimeError(f"{self.case.name}: {session.login!r} {self.agent.log and self.agent.log.lines[-1:]}")
        say(session.client, self.case.commands)
        return session

    def calls(self, last="QUIT"):
        """The system calls of a session's last line (that of QUIT or PASS) when nobody disturbs it: [(name, its ordinal
        among those of this name)]; and the answer."""
        session, log = self.open(last), f"{self.agent.work}/{self.box.user}.trace"
        session.strace(log)
        answer = session.end_by(last)
        found, seen, said = [], {}, False
        for line in scratch.read(log).decode(errors="replace").splitlines():
            name = line.partition("(")[0]
            if re.fullmatch(r"\w+", name):
                seen[name] = seen.get(name, 0) + 1
                said = said or last in line
                found.append((name, seen[name]))
        if not said:
            raise RuntimeError(f"{self.case.name}: no {last} in the trace")
        return [c for c in found if c[0] not in ("exit_group", "rt_sigreturn", "restart_syscall")], answer

    def disturbed(self, call, nth, how, last="QUIT"):
        """The last line, with `how` (of strace's inject) done to the nth call of this name; the answer."""
        session = self.open(last)
        session.strace("/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{how}:when={nth}")
        return session.end_by(last)

    def wrong(self, allowed, message=None, then=None):
        """What is wrong now, or None: the mailbox must be one of `allowed`, the next delivery comes in behind it (then:
        behind one of these) at once, and nothing is left over."""
        got = self.box.bytes()
        if got not in allowed or not self.box.exists():
            return f"the mailbox is neither before nor after: {len(got)} bytes"
        message = message or agent.Message(1, 700, user=self.box.user)
        begin = time.monotonic()
        r = self.box.deliver(message)
        seconds = time.monotonic() - begin
        if r.returncode != 0 or seconds > 2:
            return f"the next delivery: exit {r.returncode} {r.stdout!r} {r.stderr!r} in {seconds:.1f} s"
        behind = self.box.bytes()
        base = max((a for a in then or allowed if behind.startswith(a)), key=len, default=None)
        if base is None or not FROM.match(behind, len(base)) or not behind.endswith(b"\n" + message.stored + b"\n"):
            return f"the next delivery is not whole behind what stood there: {behind[-200:]!r}"
        if len(behind) != len(base) + FROM.match(behind, len(base)).end() - len(base) + len(message.stored) + 1:
            return f"too many bytes after the next delivery: {len(behind)}"
        left = [n for n in self.box.litter() if not n.endswith(".new")]  # those, the next session removes
        return f"left over: {left}" if left else None

    def next_session(self):
        """What a whole further session sees, and whether it is right: None, or what is wrong."""
        with_one_more = self.box.bytes()
        session = pop3d.Session(self.agent, f"{self.box.user}@{agent.DOMAIN}")
        if not session.login.startswith(b"+OK"):
            return f"the next session: {session.login!r}"
        want = [m.partition(b"\n")[2][:-1].replace(b"\n>From ", b"\nFrom ") for m in cut(with_one_more)]
        session.client.send(b"".join(b"RETR %d\r\n" % n for n in range(1, len(want) + 1)))
        for n, message in enumerate(want, 1):
            if not session.client.line().startswith(b"+OK") or plain(session.client.lines()) != message:
                return f"the next session: message {n} is not what it was"
        count = session.client.count()[0]
        answer = session.quit()
        if count != len(want) or not answer.startswith(b"+OK") or self.box.litter():
            return f"the next session: {count} messages of {len(want)}, {answer!r}, left over: {self.box.litter()}"
        return None


def say(client, commands):
    """Send all; RuntimeError where an answer is no +OK."""
    client.send("".join(c + "\r\n" for c in commands))
    for c in commands:
        answer = client.line()
        if not answer.startswith(b"+OK"):
            raise RuntimeError(f"{c}: {answer!r}")
        if c.startswith(("RETR", "TOP")) or c in ("UIDL", "LIST"):
            client.lines()
