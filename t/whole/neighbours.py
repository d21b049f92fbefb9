#!/usr/bin/python3
"""Between a delivery that was killed and its retry, other mail programs use the mailbox: procmail, Dovecot, mutt, GNU
mailutils and its pop3d, and a backup is put back by tar. Nothing of theirs and nothing old is cut or overwritten; the
message is there once in the end.
"""
import crypt
import os
import pty
import select
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import scratch  # noqa: E402
from scratch import write  # noqa: E402
from tap import check, done  # noqa: E402

agent.UID = 60311  # its account gets a name, and is removed: no other test may be somebody's of that number
OLD_BODIES = [b"old text %d, which stays what it is\n" % n for n in range(1000)]
OLD = b"".join(b"From old@example.org Thu Nov 19 08:00:00 2026\nSubject: old %d\nMessage-ID: <old%d@example.org>\n\n%s\n" % (n, n, b)
               for n, b in enumerate(OLD_BODIES))
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
        number = str(len(OLD_BODIES) + 1)
        return self.pop3(f"RETR {number}", f"DELE {number}")

    def tar(self):
        return self.says(scratch.run(["/usr/bin/tar", "-C", self.box.agent.folder, "-xf", f"{self.work}/backup.tar"]))

    def tar_mailbox(self):
        return self.says(scratch.run(["/usr/bin/tar", "-C", self.box.agent.folder, "-xf", f"{self.work}/backup.tar", "./u1"]))

    def tar_then_delivery(self):
        problem = self.tar_mailbox()
        return problem or self.says(self.box.deliver(agent.Message(77), 1))


# who, which of the old messages they delete
ACTS = [("nobody", ()), ("procmail", ()), ("dovecot_fetch", ()), ("dovecot_flags", ()), ("dovecot_expunge", (1, 2, 3, 4)), ("mutt", ()),
        ("mailutils", (1,)), ("pop3_reads", ()), ("pop3_deletes", (1, 2)), ("tar", ()), ("tar_mailbox", ()), ("tar_then_delivery", ())]
# where the delivery is killed; limit: how many bytes of it may be written before
KILLS = [("before it writes", "pwritev", 2, None), ("in the middle of its write", "ftruncate", 1, 30_000),
         ("behind its write", "fsync", 1, None), ("before it notes the id", "pwrite64", 2, None),
         ("before it closes the journal", "pwrite64", 3, None), ("before it gives the lock back", "unlinkat", 1, None),
         ("before its end", "sendto", 1, None)]


def one(neighbours, act, gone, kill, copies=(1,)):
    """Returns what is wrong in the end, or None."""
    box, message = neighbours.box, agent.Message(1, 84 * 1024)
    where, call, nth, limit = kill
    box.put(OLD)
    neighbours.backup()
    words = ["/usr/bin/prlimit", f"--fsize={len(OLD) + limit}"] if limit else []
    r = box.deliver(message, 1, [*words, "/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                 "-e", f"inject={call}:signal=KILL:when={nth}"])
    if r.returncode != -9:
        return f"it was not killed {where}: {r.returncode}"
    if os.path.exists(box.path + ".lock"):
        os.unlink(box.path + ".lock")  # they would wait for it, each for as long as it thinks right
    problem = getattr(neighbours, act)()
    if problem:
        return problem
    retry = box.deliver(message, 5)
    further = box.deliver(agent.Message(2), 7)
    got, body = box.bytes(), message.stored.partition(b"\n\n")[2]
    if (retry.returncode, further.returncode) != (0, 0):
        return f"exit {retry.returncode} {further.returncode} {retry.stdout!r} {further.stdout!r}"
    if got.count(body + b"\n") not in copies or agent.copies(got, agent.Message(2)) != 1:
        return f"{got.count(body)} copies, {agent.copies(got, agent.Message(2))} of the next message"
    lost = [n for n, b in enumerate(OLD_BODIES) if n not in gone and got.count(b) != 1]
    if lost or (act == "procmail" and THEIR_BODY not in got):
        return f"lost: {lost or 'theirs'}"
    if act == "tar_then_delivery" and agent.copies(got, agent.Message(77)) != 1:
        return "the delivery between is lost"
    return f"left over: {box.litter()}" if box.litter() else None


def main():
    neighbours = Neighbours(agent.Agent().box("u1"))
    for act, gone in ACTS:
        for kill in KILLS:
            problem = one(neighbours, act, gone, kill)
            check(f"killed {kill[0]}, then {act.replace('_', ' ')}, then the retry", problem is None, problem)
    for n, kill in enumerate(KILLS[2:]):
        problem = one(neighbours, "pop3_fetches_ours", (), kill, copies=(0, 1) if n < 2 else (0,))
        check(f"killed {kill[0]}, then fetched and deleted by POP3: the retry does not bring it again once it was noted", problem is None, problem)
    done()


main()
