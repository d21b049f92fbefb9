"""neighbours.py: other mail programs at a mailbox of agent.py: procmail, Dovecot, mutt, GNU mailutils and its pop3d, tar.

    agent.UID = 60311                          # it gets a name, so no other test may be somebody's of that number
    n = Neighbours(agent.Agent().box("u1"))
    problem = n.procmail()                     # None, or what it says
"""
import crypt
import os
import pty
import select
import signal
import time

import agent
import scratch
from scratch import write

THEIR_BODY = b"theirs, written by another program\n"
THEIRS = b"From them@example.org Thu Nov 19 08:01:00 2026\nSubject: theirs\nMessage-ID: <theirs@example.org>\n\n" + THEIR_BODY


class Neighbours:
    """Each method uses the mailbox as one program does; it returns what it says when it fails, or None."""

    def __init__(self, box):
        self.box, self.work = box, box.agent.work
        self.mine("rc", f"SHELL=/bin/sh\nLOCKTIMEOUT=1\nLOCKSLEEP=1\n:0:\n{box.path}\n")
        self.mine("dovecot.conf", f"base_dir = {self.work}/run\nstate_dir = {self.work}/run\nlog_path = /dev/stderr\nssl = no\n"
                  f"mail_location = mbox:{self.work}/mail:INBOX={box.path}\nmail_uid = {agent.UID}\nmail_gid = {agent.UID}\n"
                  "first_valid_uid = 1\nmbox_write_locks = dotlock fcntl\nmbox_very_dirty_syncs = no\n")
        for name in ("run", "mail", "Mail"):
            os.mkdir(os.path.join(self.work, name), 0o700)
            os.chown(os.path.join(self.work, name), agent.UID, agent.UID)
        self.account = f"pvt_pop_{os.getpid()}"
        argv = scratch.account_command(self.account, self.work)
        argv[1:1] = ["-o", "-u", str(agent.UID), "-p", crypt.crypt("secret", "$5$salt")]
        r = scratch._account_tool(argv)
        if r.returncode:
            raise RuntimeError(r.stderr.decode())
        scratch.at_end(scratch.remove_account, self.account)
        write(os.path.join(self.work, "pop3d.conf"), f'mailbox {{ mailbox-pattern "{box.path}"; mailbox-type mbox; }};\n')

    def mine(self, name, text):
        self.box.write(text.encode(), os.path.join(self.work, name))

    def backup(self):
        scratch.must(["/usr/bin/tar", "-C", self.box.agent.folder, "-cf", os.path.join(self.work, "backup.tar"), "."])

    def says(self, r):
        return None if r.returncode == 0 else f"exit {r.returncode}: {(r.stdout + r.stderr).decode(errors='replace')[-300:]}"

    def nobody(self):
        return None

    def procmail(self):
        return self.says(self.box.run(["/usr/bin/procmail", "-m", f"{self.work}/rc"], THEIRS))

    def doveadm(self, *words):
        r = scratch.run(["/usr/bin/doveadm", "-c", f"{self.work}/dovecot.conf", *words], env={"HOME": self.work, "USER": self.account})
        return self.says(r)

    def dovecot_fetch(self):
        return self.doveadm("fetch", "flags", "mailbox", "INBOX", "all")

    def dovecot_flags(self):
        return self.doveadm("flags", "add", "\\Seen \\Flagged", "mailbox", "INBOX", "all")

    def dovecot_expunge(self):
        return self.doveadm("expunge", "mailbox", "INBOX", "2:5")

    def mailutils(self):
        return self.says(self.box.run(["/usr/bin/mail.mailutils", "-f", self.box.path], b"delete 2\nquit\n"))

    def mutt(self, keys="<set-flag>!<quit>"):
        """mutt on a terminal of its own, with a flag change."""
        argv = ["mutt", "-n", "-F", "/dev/null", "-f", self.box.path, "-e", f'set quit=yes delete=yes folder="{self.work}/Mail"',
                "-e", f'push "{keys}"']
        pid, terminal = pty.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(agent.UID)
            os.setuid(agent.UID)
            os.execve("/usr/bin/mutt", argv, dict(agent.ENV, TERM="vt100", HOME=self.work, LINES="24", COLUMNS="80"))
        shown, end, status = b"", time.monotonic() + 20, None
        while status is None and time.monotonic() < end:
            if select.select([terminal], [], [], 0.05)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:
                    pass
            ended, code = os.waitpid(pid, os.WNOHANG)
            status = code if ended else None
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(terminal)
        return None if status == 0 else f"status {status}: {shown[-300:]!r}"

    def pop3(self, *commands):
        lines = [f"USER {self.account}", "PASS secret", "STAT", *commands, "QUIT"]
        r = scratch.run(["/usr/sbin/pop3d", "--config-file", f"{self.work}/pop3d.conf", "--inetd"],
                        "".join(l + "\r\n" for l in lines).encode())
        bad = r.stdout.count(b"-ERR") or r.stdout.count(b"+OK") < len(lines)
        return f"{r.stdout[-400:]!r} {r.stderr[-300:]!r}" if bad else None

    def pop3_reads(self):
        return self.pop3("RETR 1")

    def pop3_deletes(self):
        return self.pop3("DELE 2", "DELE 3")

    def pop3_fetches_ours(self):
        """The user has it now."""
        number = self.box.bytes().count(b"\nFrom ") + 1
        return self.pop3(f"RETR {number}", f"DELE {number}")

    def tar(self):
        return self.says(scratch.run(["/usr/bin/tar", "-C", self.box.agent.folder, "-xf", f"{self.work}/backup.tar"]))

    def tar_mailbox(self):
        return self.says(scratch.run(["/usr/bin/tar", "-C", self.box.agent.folder, "-xf", f"{self.work}/backup.tar", "./u1"]))

    def tar_then_delivery(self):
        problem = self.tar_mailbox()
        return problem or self.says(self.box.deliver(agent.Message(77), 1))
