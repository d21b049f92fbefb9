"""acting.py: what virtual-deliver does besides storing, seen from outside: programs that write down how they were
started, and deliveries by hand.

    a = Acting(["abc", "def"])                    # a domain kvt.dk of uid 60001, without Postfix
    a.settings("users/abc", "filter = /bin/cat\\n"); a.aliases('sales: abc, "|%s x"\\n' % a.recorder("cmd"))
    r = a.deliver("sales@kvt.dk"); a.calls("cmd")[0].args, .env, .input; a.box("abc")
"""
import os
import re
import subprocess
import threading
from types import SimpleNamespace

import scratch
from agent import DOMAIN, ENV, NODE, UID, Agent
from house import messages
from scratch import read, write

BODY = b"Subject: test\nMessage-ID: <1@example.org>\n\nhello\nFrom here on\n"
# Everything about its own start goes into a folder of its own, which gets its name when it is complete.
RECORDER = """#!/bin/sh
d=$(mktemp -d {work}/new.XXXXXX)
for a; do printf '%s\\0' "$a"; done >"$d/args"
env -0 >"$d/env"
cat >"$d/input"
cat /proc/$$/status >"$d/status"
ls /proc/$$/fd >"$d/fds"
pwd >"$d/cwd"; umask >>"$d/cwd"
mv "$d" "{work}/{name}.$(date +%s%N).$$"
{then}
"""


class Acting(Agent):
    def __init__(self, users=("abc", "def", "ghi"), disk="64m", **settings):
        super().__init__(disk=disk, log=True)
        self.home, self.unread = self.path("home"), 0
        self.domain_folder(self.home)
        self.boxes(list(users))
        self.set = {"sendmail_program": self.recorder("sendmail"), "myhostname": "mail.example.net", **settings}
        self.configure(**self.set)

    def domain_folder(self, path):
        os.makedirs(path, 0o700, exist_ok=True)
        os.chown(path, UID, UID)
        return path

    def change_settings(self, **more):
        self.set.update(more)
        self.configure(**self.set)

    # --- files of the domain ---

    def settings(self, name, text, domain=DOMAIN):
        """Write (None: remove) domain.conf, users/NAME, aliases, include/NAME ..."""
        path = os.path.join(self.etc, domain, name)
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
            return path
        self.domain_folder(os.path.dirname(path))
        write(path, text, 0o600)
        os.chown(path, UID, UID)
        return path

    def aliases(self, text):
        self.settings("aliases", text)

    # --- programs ---

    def script(self, name, text):
        """Write a program that the account may run."""
        return write(self.path(name), text, 0o755)

    def recorder(self, name, then=""):
        """A program that writes down how it was started, and then does what `then` says."""
        return self.script(name, RECORDER.format(work=self.work, name=name, then=then))

    def calls(self, name, forget=True):
        """How the recorder of that name was started, in order."""
        found = []
        for entry in sorted(e for e in os.listdir(self.work) if e.startswith(name + ".")):
            part = {n: read(os.path.join(self.work, entry, n)) for n in os.listdir(os.path.join(self.work, entry))}
            env = dict(v.partition(b"=")[::2] for v in part["env"].split(b"\0")[:-1])
            found.append(SimpleNamespace(args=part["args"].split(b"\0")[:-1], env=env, input=part["input"], at=entry,
                                         status=part["status"].decode(), fds=part["fds"].decode(), cwd=part["cwd"].decode()))
            if forget:
                for n in part:
                    os.unlink(os.path.join(self.work, entry, n))
                os.rmdir(os.path.join(self.work, entry))
        return found

    # --- deliveries ---

    def top_of(self, recipient, sender="s@example.org", queue_id="4ABCDE12345", original=None, date="Fri, 20 Nov 2026 10:00:00"):
        """The lines that local(8) puts on top, and a Received of this host's; queue_id None: without that."""
        user, _, domain = recipient.rpartition("@")
        text = (f"From {sender or 'MAILER-DAEMON'}  Fri Nov 20 10:00:00 2026\nReturn-Path: <{sender}>\n"
                f"X-Original-To: {original or recipient}\nDelivered-To: acc+{user}--{domain}@virtual.invalid\n")
        if queue_id:
            text += ("Received: from client.example.org (localhost [127.0.0.1])\n"
                     f"\tby mail.example.net (Postfix) with ESMTP id {queue_id}\n\tfor <{recipient}>; {date} +0000 (UTC)\n")
        return text.encode("utf-8", "surrogateescape")

    def deliver(self, recipient, message=BODY, before=(), env=None, timeout=60, words=(), **more):
        """Run virtual-deliver; returns CompletedProcess."""
        data = self.top_of(recipient, **more) + message
        self.unread += not words
        with open(self.path(f"in.{threading.get_native_id()}"), "w+b") as f:
            f.write(data)
            f.seek(0)
            return subprocess.run([*before, self.program, "-c", self.etc, *words, "--", recipient], stdin=f,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                                  env={**ENV, "HOME": self.home, **(env or {})}, user=UID, group=UID, extra_groups=[],
                                  check=False)

    def log_of(self, word="status="):
        """The lines of the log since the last call of this, those with `word`. The last one of each delivery has `ms=`."""
        scratch.wait_for(lambda: len(self.log.find("ms=")) >= self.unread, 5)
        self.unread = 0
        lines, self.log.lines[:] = list(self.log.lines), []
        return [l for l in lines if word in l]

    # --- what came of it ---

    def mailbox(self, name):
        return os.path.join(self.folder, name)

    def stored(self, name):
        """The messages in a mailbox: an mbox, or the files of a Maildir."""
        path = self.mailbox(name)
        if os.path.isdir(path):
            return [read(os.path.join(path, "new", n)) for n in sorted(os.listdir(os.path.join(path, "new")))]
        return messages(read(path))

    def counts(self, *names):
        return [len(self.stored(n)) for n in names]

    def empty(self):
        """No mail, no record, no call."""
        for folder, folders, names in os.walk(self.folder, topdown=False):
            for n in names:
                os.unlink(os.path.join(folder, n))
            for n in folders:
                os.rmdir(os.path.join(folder, n))
        for entry in {e.split(".")[0] for e in os.listdir(self.work)}:
            if entry != "new":
                self.calls(entry)

    def litter(self):
        """Files in the spool that should not stay."""
        stay = re.compile(r"^(\.files|\.actions\.done|\.[a-z0-9]+\.(lock|journal|done|maildir)|[a-z0-9]+(\.warned)?|tmp|new|cur)$")
        return [n for folder, folders, names in os.walk(self.folder) for n in folders + names
                if not stay.match(n) and os.path.basename(folder) not in ("new", "cur")]


__all__ = ["Acting", "BODY", "DOMAIN", "NODE", "UID"]
