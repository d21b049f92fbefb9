"""agent.py: virtual-deliver alone, without Postfix and without an account in /etc/passwd, for tests that run it
thousands of times: killed, failing, beside others.

    a = Agent()
    box = a.box("u1")                       # a mailbox of its own, in a tmpfs
    box.put(OLD); box.deliver(Message(1, 1024)); box.check(...)
"""
import os
import random
import re
import shutil
import subprocess
import threading
import time

import scratch
from logs import LogSocket
from scratch import write

UID = 60001  # a number is enough: nothing here asks for a name
DOMAIN = "kvt.dk"
PERMANENT = {".{}.lock", ".{}.journal", ".{}.done", ".{}.index"}  # side files that stay, by design
ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
NODE = os.uname().nodename


class Message:
    """A message of about `size` bytes. with_id: under a Received of this host, so that its retry is known."""

    def __init__(self, number, size=1024, with_id=True, user="u1"):
        self.mark = f"<m{number}.{size}@example.org>"
        received = (f"Received: from client.example.org (localhost [127.0.0.1])\n\tby {NODE} (Postfix) with ESMTP"
                    f" id {number + 0x4AB00000:X}\n\tfor <{user}@{DOMAIN}>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)\n")
        head = f"{received if with_id else ''}Subject: number {number}\nMessage-ID: {self.mark}\n\n"
        lines, line = [head.encode()], b"%07d " + b"x" * 63 + b"\n"
        lines += [line % n for n in range(max(0, size - len(head)) // 72)]
        self.text = b"".join(lines) + b"From the body\nend\n"
        self.hop = (f"Return-Path: <s@example.org>\nX-Original-To: {user}@{DOMAIN}\n"
                    f"Delivered-To: acc+{user}--{DOMAIN}@virtual.invalid\n").encode()
        self.stored = (f"Return-Path: <s@example.org>\nX-Original-To: {user}@{DOMAIN}\n"
                       f"Delivered-To: {user}@{DOMAIN}\n").encode() + self.text.replace(b"\nFrom the", b"\n>From the")

    def input(self, second=0):
        """What local(8) hands over at the given second."""
        return b"From s@example.org  Fri Nov 20 10:00:%02d 2026\n" % second + self.hop + self.text


class Agent:
    """A scratch store with one domain, its spool in memory."""

    def __init__(self, disk="192m", log=False):
        scratch.need_root()
        self.top = scratch.folder("pv-agent.")
        self.bin = scratch.programs(self.top)
        self.program = os.path.join(self.bin, "virtual-deliver")
        self.etc, self.spool = os.path.join(self.top, "etc"), os.path.join(self.top, "spool")
        self.work = os.path.join(self.top, "work")  # where what runs as the account may write
        for path, owner in ((self.etc, 0), (self.spool, 0), (self.work, UID), (os.path.join(self.etc, DOMAIN), UID)):
            os.mkdir(path, 0o755)
            os.chown(path, owner, owner)
        if disk:
            scratch.must(["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={disk},mode=755", "pv-test", self.spool])
            scratch.at_end(scratch.run, ["/usr/bin/umount", "-l", self.spool])
        self.folder = os.path.join(self.spool, DOMAIN)
        os.mkdir(self.folder, 0o700)
        os.chown(self.folder, UID, UID)
        self.users, self.log, self.hash = [], None, "*"
        if log:
            self.log = LogSocket(os.path.join(self.top, "log"))
        self.configure()

    def path(self, *parts):
        return os.path.join(self.top, *parts)

    def configure(self, **more):
        """Write virtual.conf, with settings of the test's own."""
        settings = {"spool_directory": self.spool, "mail_directory": "", "log_socket": f"{self.top}/log",
                    "postfix_config_directory": self.top, "state_directory": f"{self.top}/state",
                    "run_directory": f"{self.top}/run", "map_directory": f"{self.top}/maps", **more}
        write(os.path.join(self.etc, "virtual.conf"), "".join(f"{k} = {v}\n" for k, v in settings.items()))

    def box(self, user="u1"):
        return self.boxes([user])[0]

    def boxes(self, users):
        """The same for many; self.hash is that of their passwords."""
        self.users += users
        passwd = "".join(f"{u}:{self.hash}:{UID}:{UID}:{u}:.:\n" for u in sorted(self.users))
        path = os.path.join(self.etc, DOMAIN, "passwd")
        write(path, passwd, 0o600)
        os.chown(path, UID, UID)
        return [Box(self, u) for u in users]

    def argv(self, user):
        """How mail for him is delivered."""
        return [self.program, "-c", self.etc, f"{user}@{DOMAIN}"]


class Box:
    """One mailbox, and deliveries into it."""

    def __init__(self, agent, user):
        self.agent, self.user = agent, user
        self.path = os.path.join(agent.folder, user)

    def run(self, argv, data=b"", timeout=60):
        """Run anything as the account. Its input is a file, so that a traced run reads it in the same pieces again."""
        with open(os.path.join(self.agent.top, f"in.{threading.get_native_id()}"), "w+b") as f:
            f.write(data)
            f.seek(0)
            return self._run(argv, f, timeout)

    def _run(self, argv, stdin, timeout):
        return subprocess.run(argv, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, env=ENV,
                              user=UID, group=UID, extra_groups=[], check=False)

    def deliver(self, message, second=0, before=()):
        """Deliver; before: words in front of the command line (strace, prlimit). Returns CompletedProcess."""
        return self.run([*before, *self.agent.argv(self.user)], message.input(second))

    def start(self, message, before=()):
        """Start a delivery whose input is written and closed; returns Popen."""
        with open(os.path.join(self.agent.top, f"in.{os.getpid()}"), "w+b") as f:
            f.write(message.input())
            f.seek(0)
            return subprocess.Popen([*before, *self.agent.argv(self.user)], stdin=f, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL, env=ENV, user=UID, group=UID, extra_groups=[])

    def put(self, data):
        """Make the mailbox hold exactly this (None: no mailbox), with no side file."""
        for name in os.listdir(self.agent.folder):
            if name.lstrip(".").split(".")[0] == self.user:
                path = os.path.join(self.agent.folder, name)
                shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        if data is not None:
            self.write(data)

    def write(self, data, name=None):
        path = name or self.path
        write(path, data, 0o600)
        os.chown(path, UID, UID)

    def bytes(self):
        return scratch.read(self.path)

    def exists(self):
        return os.path.exists(self.path)

    def litter(self):
        """Files of this mailbox that should not stay."""
        stay = {p.format(self.user) for p in PERMANENT} | {self.user}
        return [n for n in os.listdir(self.agent.folder) if n.strip(".").split(".")[0] == self.user and n not in stay]


# --- what stands in a mailbox ---

def split(mbox):
    """An mbox cut at each From_ line: [(from_line, rest)]; what stands before the first comes with from_line b""."""
    parts = re.split(rb"(?m)^(From .*\n)", mbox)
    found = [(b"", parts[0])] if parts[0] else []
    return found + list(zip(parts[1::2], parts[2::2]))


def copies(mbox, message):
    """How often the message stands there whole: a From_ line behind an empty line (or at the beginning), every byte
    of it, one empty line behind."""
    count, before = 0, b"\n\n"
    for line, rest in split(mbox):
        if line and rest == message.stored + b"\n" and before.endswith(b"\n\n"):
            count += 1
        before = rest if rest else line
    return count


def mentions(mbox, message):
    """How often its Message-ID stands there, whole or not."""
    return mbox.count(message.mark.encode())


# --- system calls ---

LINE = re.compile(rb"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)")


def calls(box, message, before=()):
    """The system calls of one delivery, in their order: [(name, its ordinal among those of this name, arguments)]."""
    trace = os.path.join(box.agent.work, "trace")
    r = box.deliver(message, before=[*before, "/usr/bin/strace", "-s", "64", "-o", trace])
    found, seen = [], {}
    for line in scratch.read(trace).split(b"\n"):
        m = LINE.match(line)
        if m:
            name = m[1].decode()
            seen[name] = seen.get(name, 0) + 1
            found.append((name, seen[name], m[2]))
    return found, r.returncode


def deliver_all(box, number, each, killed, failed):
    """Deliver `each` messages of this deliverer; each eighth run is killed somewhere, and tried again as Postfix would."""
    rng, took = random.Random(number), 0.004  # the seconds that the last one took which was left alone
    for n in range(each):
        message = Message(number * 1000 + n, rng.choice((300, 3000, 12_000)))
        for _ in range(50):
            p = subprocess.Popen(box.agent.argv(box.user), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENV,
                                 user=UID, group=UID, extra_groups=[])
            is_hit, begin = rng.random() < 1 / 8, time.monotonic()
            if is_hit:
                threading.Timer(rng.random() * took, p.kill).start()
            said = p.communicate(message.input(n % 60))[0]
            if not is_hit:
                took = time.monotonic() - begin
            if p.returncode == 0:
                break
            (killed if p.returncode == -9 else failed).append((p.returncode, said))
