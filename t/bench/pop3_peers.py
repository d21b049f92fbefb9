"""The POP3 servers that are compared, each with the same users and mailboxes of its own, and one session with them."""

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import common as c

sys.path.insert(0, os.path.join(c.TOP, "t", "lib"))
import house  # noqa: E402  (t/lib)
import pop3  # noqa: E402
import pop3d  # noqa: E402
import scratch as test_scratch  # noqa: E402

PASSWORD, CLIENTS, SETTLE_S = "secret", 8, 1.2
OURS, STOCK, DEFAULT, TUNED, POPA3D = "ours", "GNU pop3d", "Dovecot", "Dovecot tuned", "popa3d, inetd"
STRACE = "/usr/bin/strace"


class Peer:
    """A server with its users; users[0] is the one whose mailbox is measured."""

    def __init__(self, server, users, mbox, owner, forget):
        """mbox(user): his mailbox's path. owner(user): its owner (uid, gid). forget(user): remove what was remembered."""
        self.server, self.users, self.mbox, self.owner, self.forget = server, users, mbox, owner, forget
        self.title = server.title

    def put(self, user, source, settle=False):
        """Give user a new mailbox, a copy of the file `source`, on the disk already; None: an empty one. settle: wait until
        it is so old that what a server notes of it can be believed: by its times, one second is one moment."""
        path, owner = self.mbox(user), self.owner(user)
        self.forget(user)
        with open(path, "wb") as f:
            os.fchmod(f.fileno(), 0o600)
            os.fchown(f.fileno(), *owner)
            if source:
                with open(source, "rb") as original:
                    shutil.copyfileobj(original, f, 1 << 20)
            f.flush()
            os.fsync(f.fileno())
        if settle:
            time.sleep(SETTLE_S)

    def append(self, user, message):
        with open(self.mbox(user), "ab") as f:
            f.write(message)

    def rate(self, users, sessions):
        """Sessions a second, a client for each user; None where one of them failed."""
        done = client("rate", self, ",".join(users), [str(sessions)])
        if done["failed"]:
            print(f"  # {self.title}: {done['failed']} of {len(users)} clients failed: {done['complaint'].splitlines()[-1:]}")
            return None
        return done["sessions"] / done["s"]

    def session(self, user, *steps, look=None):
        """What pop3_client says of one session. At the step `hold` look(pid of the server's process) is called, and
        its answer is "looked"."""
        return client("session", self, user, steps, look)


class Failed(Exception):
    """A session ended before its time."""


def client(mode, peer, user, words, look=None):
    process = subprocess.Popen([c.tool("pop3_client"), mode, str(peer.server.port), user, PASSWORD, *words], env=c.CLEAN_ENV,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    looked = None
    if look and (line := process.stderr.readline()).startswith(b"hold "):
        looked = look(pop3d.session_pid(peer.server.port, int(line.split()[1])))
        process.stdin.write(b"\n")
        process.stdin.flush()
    out, complaint = process.communicate()
    if process.returncode != 0 and mode == "session":
        raise Failed(f"{peer.title}: {complaint.decode(errors='replace').strip()}")
    figures = json.loads(out)
    figures.update(looked=looked, complaint=complaint.decode(errors="replace"))
    return figures


def mailbox_bytes_read(peer, user):
    """How many bytes of user's mailbox (and of the files beside it) one session reads: {name: bytes}. What is mapped
    counts as read. None: there is no strace."""
    if not os.path.exists(STRACE):
        return None
    out = os.path.join(tempfile.mkdtemp(prefix="strace."), "t")
    tracer = subprocess.Popen([STRACE, "-ff", "-y", "-s", "0", "-e", "trace=read,pread64,readv,preadv,preadv2,mmap", "-o", out,
                               "-p", str(peer.server.pid)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    tracer.stderr.readline()  # "attached"
    peer.session(user, "stat", "quit")
    time.sleep(0.3)
    tracer.send_signal(signal.SIGINT)
    tracer.communicate()
    folder, found = os.path.dirname(peer.mbox(user)), {}
    call = re.compile(r"(?:read|pread64|readv|preadv2?)\(\d+<([^>]*)>.*\) = (\d+)$|mmap\(\S+, (\d+), .*\d+<([^>]*)>")
    for name in glob.glob(out + ".*"):
        with open(name, encoding="utf-8", errors="replace") as f:
            for m in filter(None, map(call.match, f)):
                path, size = (m[1], m[2]) if m[1] else (m[4], m[3])
                if os.path.dirname(path) == folder:
                    found[os.path.basename(path)] = found.get(os.path.basename(path), 0) + int(size)
    return found


# --- the servers ---

def remove(pattern):
    for path in glob.glob(pattern, include_hidden=True):
        os.unlink(path)


def peer_ours(top, account, password_hash):
    h = house.House(prefix="ours.", collect_log=False)
    drain = c.LogDrain(h.path("drain.socket"))
    test_scratch.at_end(drain.close)
    h.write_settings(log_socket=h.path("drain.socket"), system_users="no")
    users = [f"u{i}" for i in range(CLIENTS)]
    domain = "ours.example.net"
    h.domain(domain, account, {u: "." for u in users}, hashes={u: password_hash for u in users})
    folder = os.path.join(h.spool, domain)
    return Peer(pop3d.ours(h), [f"{u}@{domain}" for u in users], lambda u: os.path.join(folder, u.split("@")[0]),
                lambda _: (account.pw_uid, account.pw_gid), lambda u: remove(os.path.join(folder, f".{u.split('@')[0]}.*")))


def peer_system(make, top, accounts, password_hash):
    """A server of system users."""
    mail = pop3d.system_mail(top, accounts, password_hash)
    server = make(mail)
    ids = {a.pw_name: (a.pw_uid, a.pw_gid) for a in accounts}
    return Peer(server, list(ids), mail.mbox, ids.get, lambda _: None)


def peer_dovecot(top, account, password_hash, tuned):
    users = [f"u{i}" for i in range(CLIENTS)]
    mail = pop3d.Mail(top, account, {u: password_hash for u in users})
    return Peer(pop3d.dovecot(mail, tuned), users, mail.mbox, lambda _: (account.pw_uid, account.pw_gid),
                lambda u: pop3d.forget_index(mail, u))


def start(top):
    """{title: Peer} of all that are installed; says which are not."""
    os.mkdir(os.path.join(top, "home"))
    accounts = [test_scratch.account(os.path.join(top, "home"), "p") for _ in range(CLIENTS)]
    password_hash = pop3.md5_hash(PASSWORD)
    found, absent = [], []

    def add(title, there, make, *args):
        if there:
            found.append(make(*args))
        else:
            absent.append(title)
    add(OURS, pop3d.ours_is_built(), peer_ours, top, accounts[0], password_hash)
    add(STOCK, os.path.exists(pop3d.POP3D), peer_system, pop3d.stock, os.path.join(top, "stock"), accounts, password_hash)
    for title in (DEFAULT, TUNED):
        add(title, os.path.exists(pop3d.DOVECOT), peer_dovecot, os.path.join(top, title.replace(" ", "-")), accounts[0],
            password_hash, title == TUNED)
    add(POPA3D, pop3d.popa3d_program(), peer_system, pop3d.popa3d, os.path.join(top, "popa3d"), accounts, password_hash)
    for title in absent:
        print(f"\npop3: {title} is not there: " + ("build/plain/virtual-pop3d and virtual-pop3d.so are not built; its rows and "
                                                   "goals are left out" if title == OURS else "left out"))
    return {p.title: p for p in found}
