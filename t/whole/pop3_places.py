#!/usr/bin/python3
"""POP3 finds the very mailbox that mail is delivered to, wherever it lies; a user without one sees an empty one, and nothing
is made for it. What is no mailbox of the account's is refused with one log line, and is not touched.
"""
import itertools
import os
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from pop3 import md5_hash, mbox  # noqa: E402
from pop3d import Session  # noqa: E402
from scratch import read, wait_for, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

HASH = md5_hash("secret")
MESSAGE = b"Subject: new\nMessage-ID: <new@example.org>\n\nnew\n"


def tree(*tops):
    """Everything below: path → kind, mode, owner, bytes."""
    found = {}
    for top in tops:
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                text = read(path) if stat.S_ISREG(st.st_mode) else os.readlink(path) if stat.S_ISLNK(st.st_mode) else None
                found[path] = (stat.filemode(st.st_mode), st.st_uid, st.st_ino, st.st_rdev, text)
    return found


def changes(before, after):
    return sorted(p for p in set(before) | set(after) if before.get(p) != after.get(p))


class Places:
    """A domain with one user for each case."""

    def __init__(self, names, homes=None):
        """homes: user → another home than his own below the account's (users named h...) or none (s...)."""
        self.h = h = House()
        self.a, self.other = h.account("a"), h.account("b")
        self.mail = h.path("mail")
        os.mkdir(self.mail)
        os.chmod(self.mail, 0o1777)
        h.write_settings(mail_directory=self.mail, fcntl_only="yes", mail_spool_home="Mail/mailbox")
        homes = {**{n: self.home(n) if n.startswith("h") else "." for n in names}, **{n: f(self) for n, f in (homes or {}).items()}}
        h.domain("kvt.dk", self.a, homes, hashes=dict.fromkeys(names, HASH))
        for n in names:
            if n.startswith("h"):
                self.mine(os.mkdir, self.home(n), 0o700)

    def home(self, user):
        return os.path.join(self.a.pw_dir, user)

    def mine(self, make, path, *more, owner=None):
        make(path, *more)
        owner = owner or self.a
        os.chown(path, owner.pw_uid, owner.pw_gid)
        return path

    def place(self, kind, user):
        return {"home": os.path.join(self.home(user), "Mail", "mailbox"), "mail": os.path.join(self.mail, user),
                "spool": os.path.join(self.h.spool, "kvt.dk", user)}[kind]

    def put(self, kind, user, count, owner=None):
        path = self.place(kind, user)
        if kind == "home" and not os.path.isdir(os.path.dirname(path)):
            self.mine(os.mkdir, os.path.dirname(path), 0o700)
        return write(path, mbox(count, 300), 0o600, owner or self.a)

    def tree(self):
        return tree(self.h.spool, self.mail, self.h.path("home"))

    def count(self, user):
        s = Session(self.h, f"{user}@kvt.dk")
        found = s.client.count()[0] if s.login.startswith(b"+OK") else s.login
        check(f"{user}: QUIT", s.quit().startswith(b"+OK"))
        return found


COUNTS = {"home": 1, "mail": 2, "spool": 3}


def order():
    """Every set of places, with and without a home: both mean the first of it."""
    sets = [s for n in range(4) for s in itertools.combinations(COUNTS, n)]
    rows = [(f"h{n}", s, s[0] if s else "home") for n, s in enumerate(sets)]
    rows += [(f"s{n}", s, next((p for p in s if p != "home"), "spool")) for n, s in enumerate(sets)]
    p = Places([user for user, _, _ in rows] + ["hx", "sx"])
    for user, places, used in rows:
        for kind in places:
            if kind != "home" or user.startswith("h"):
                p.put(kind, user, COUNTS[kind])
        judge(p, user, f"{'with' if user.startswith('h') else 'without'} a home, mailboxes in {' and '.join(places) or 'no place'}", used)
    for user, used in (("hx", "home"), ("sx", "spool")):
        p.put("mail", user, 5, owner=p.other)
        judge(p, user, f"{user}: a system user's mailbox of that name in mail_directory is no one's here", used)


def judge(p, user, sentence, used):
    path = p.place(used, user)
    there, before = os.path.exists(path), p.tree()
    equal(f"{sentence}: POP3 shows that in {used}", p.count(user), COUNTS[used] if there else 0)
    new = [c for c in changes(before, p.tree()) if c != path and not os.path.basename(c).startswith("." + os.path.basename(path))]
    equal(f"{sentence}: nothing changes, and nothing is made but side files of a mailbox that is there", [n for n in new], [])
    if not there:
        equal(f"{sentence}: no side file either", changes(before, p.tree()), [])
    r = p.h.hand_over(p.a, f"{user}@kvt.dk", MESSAGE)
    equal(f"{sentence}: delivered there", (r.returncode, r.stdout, read(path).count(b"<new@example.org>")), (0, b"", 1))
    equal(f"{sentence}: POP3 shows it", p.count(user), (COUNTS[used] if there else 0) + 1)


def homes_of_others():
    """A home that is not the user's alone is no place of his."""
    rows = {"s1": ("another account's home", lambda p: p.other.pw_dir), "s2": ("root's home", lambda p: "/root"),
            "s3": ("a home by way of ..", lambda p: f"{p.a.pw_dir}/../{p.other.pw_name}"), "s4": ("a home that two users have", lambda p: p.a.pw_dir),
            "s5": ("a home that two users have, the other one", lambda p: p.a.pw_dir)}
    p = Places(list(rows), {user: home for user, (_, home) in rows.items()})
    for account in (p.a, p.other):
        folder = p.mine(os.mkdir, os.path.join(account.pw_dir, "Mail"), 0o700, owner=account)
        write(os.path.join(folder, "mailbox"), mbox(4, 300), 0o600, account)
    for user, (what, _) in rows.items():
        p.put("spool", user, COUNTS["spool"])
        judge(p, user, what, "spool")


# --- what is no mailbox ---

def victim(p, owner=None):
    path = p.h.path("home", "victim")
    if os.path.exists(path):
        os.unlink(path)
    return write(path, mbox(2, 300), 0o600, owner or p.a)


def in_place(p, path):
    write(path, mbox(2, 300), 0o600, p.a)
    return path


HOSTILE = [
    ("a symlink to a mailbox of the account", lambda p, path: p.mine(lambda l: os.symlink(victim(p), l), path + "") and None),
    ("a symlink to another's mailbox", lambda p, path: os.symlink(victim(p, p.other), path)),
    ("a symlink to /etc/passwd", lambda p, path: os.symlink("/etc/passwd", path)),
    ("a symlink to nowhere", lambda p, path: os.symlink("/nonexistent", path)),
    ("a symlink to itself", lambda p, path: os.symlink(path, path)),
    ("a hard link", lambda p, path: os.link(victim(p), path)),
    ("a hard link to a symlink", lambda p, path: (os.symlink(victim(p), path + "x"), os.link(path + "x", path, follow_symlinks=False))),
    ("a FIFO", lambda p, path: p.mine(os.mkfifo, path)),
    ("a device like /dev/null", lambda p, path: p.mine(os.mknod, path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))),
    ("a device like /dev/zero", lambda p, path: p.mine(os.mknod, path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))),
    ("a socket", lambda p, path: p.mine(os.mknod, path, 0o600 | stat.S_IFSOCK)),
    ("a folder that is no Maildir", lambda p, path: p.mine(os.mkdir, path, 0o700)),
    ("another account's file", lambda p, path: write(path, mbox(2, 300), 0o600, p.other)),
    ("root's file", lambda p, path: write(path, mbox(2, 300), 0o600)),
    ("writable by its group", lambda p, path: os.chmod(in_place(p, path), 0o660)),
    ("writable by all", lambda p, path: os.chmod(in_place(p, path), 0o602)),
    ("executable", lambda p, path: os.chmod(in_place(p, path), 0o700)),
    ("set-uid", lambda p, path: os.chmod(in_place(p, path), 0o4600)),
]


def hostile():
    """Each in the spool, and below a home."""
    users = [f"{k}{n}" for n in range(len(HOSTILE)) for k in "sh"]
    p = Places(users)
    for n, (what, make) in enumerate(HOSTILE):
        for user, kind in ((f"s{n}", "spool"), (f"h{n}", "home")):
            if kind == "home":
                p.mine(os.mkdir, os.path.join(p.home(user), "Mail"), 0o700)
            make(p, p.place(kind, user))
            refused(p, user, f"{what} in the {kind}", p.place(kind, user))


def refused(p, user, sentence, path):
    before, logged = p.tree(), len(p.h.log.lines)
    s = Session(p.h, f"{user}@kvt.dk")
    check(f"{sentence}: -ERR [SYS/...], and the session ends", s.login.startswith(b"-ERR [SYS/") and s.client.ended(), s.login)
    s.wait()
    wait_for(lambda: len(p.h.log.lines) > logged, 5)
    lines = p.h.log.lines[logged:]
    check(f"{sentence}: one log line, which names it", len(lines) == 1 and os.path.dirname(path) in lines[0], lines)
    equal(f"{sentence}: not touched", changes(before, p.tree()), [])


def folders():
    """The folder on the way is not to be trusted."""
    rows = [("s1", "the domain's spool is another's", lambda p, f: os.chown(f, p.other.pw_uid, p.other.pw_gid)),
            ("s1", "the domain's spool is writable by its group", lambda p, f: os.chmod(f, 0o770)),
            ("s1", "the domain's spool is a symlink", lambda p, f: (os.rename(f, f + ".x"), os.symlink(f + ".x", f))),
            ("h1", "a home that is another's", lambda p, f: os.chown(p.home("h1"), p.other.pw_uid, p.other.pw_gid)),
            ("h1", "a home that all can write", lambda p, f: os.chmod(p.home("h1"), 0o777))]
    for user, what, make in rows:
        p = Places(["s1", "h1"])
        path = p.put("spool" if user == "s1" else "home", user, 2)
        make(p, os.path.join(p.h.spool, "kvt.dk"))
        refused(p, user, what, os.path.dirname(os.path.dirname(path)) + "/x")


def main():
    order()
    homes_of_others()
    hostile()
    folders()
    done()


main()
