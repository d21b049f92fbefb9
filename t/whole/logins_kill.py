#!/usr/bin/python3
"""logins_kill.py: what writes the files for Dovecot and the secrets for APOP, killed at every system call there, with each call
failing, and on a full disk: the old file or the new one, never half of one; the next command finishes; no litter."""
import crypt
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
import killing  # noqa: E402
from killing import Stage, differences  # noqa: E402
from scratch import must, read, small_disk, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

OLD, NEW = crypt.crypt("old", "$5$saltsalt"), crypt.crypt("new", "$5$saltsalt")
PASSWORD = ["user", "password", "abc@kvt.dk", "--hash", NEW]
killing.CHANGING = ("write", "renameat", "renameat2", "unlinkat")  # what else is called here leaves a temporary file that nobody reads
FAILING = {"openat": "EIO", "write": "ENOSPC", "fsync": "EIO", "renameat": "EIO", "unlinkat": "EACCES", "fchmod": "EPERM",
           "fchown": "EPERM", "utimensat": "EPERM", "symlinkat": "ENOSPC", "newfstatat": "EIO", "mkdirat": "EROFS", "close": "EIO"}


class Host(Stage):
    def build(self):
        h = self.h
        h.write_settings(dovecot_group="dovecot")
        a = h.account("k")
        h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
        for user in ("abc", "kvt"):
            h.must_admin("user", "add", f"{user}@kvt.dk", "--hash", OLD)
            home = os.path.join(h.spool, "kvt.dk", ".imap", user, "mail")
            os.makedirs(home, 0o700)
            write(os.path.join(home, "Sent"), "", 0o600)
        must(["/usr/bin/chown", "-R", f"{a.pw_uid}:{a.pw_gid}", os.path.join(h.spool, "kvt.dk")])
        os.chmod(os.path.join(h.spool, "kvt.dk", ".imap"), 0o700)
        h.maps()
        reload = os.path.join(h.path("run"), "reload")
        if os.path.exists(reload):
            os.unlink(reload)  # or the first cases wait for the time of a reload

    @property
    def folder(self):
        return os.path.join(self.h.map_folder, "dovecot")

    def paths(self):
        """What is of interest here, for strace: all else has tests of its own."""
        names = ("", "kvt.dk", ".kvt.dk.new", "org.dk", ".org.dk.new")
        return [os.path.join(self.folder, n) for n in names]


def watch(s, argv, then, odd):
    old, new = s.both_ends(argv)

    def later(turn):
        for name in os.listdir(s.folder):
            key = f"etc/maps/dovecot/{name}"
            path = os.path.join(s.folder, name)
            if not name.startswith(".") and read(path) not in [state[key][2] for state in (old, new) if key in state]:
                odd.append(f"{name}: {read(path)!r}")
        return then(turn)
    return later


def kills(s):
    total = 0
    for sentence, args, paths in (
            ("a password", PASSWORD, s.paths()),
            ("a new alias", ["domain", "alias", "org.dk", "kvt.dk"], s.paths()),
            ("a deleted domain", ["domain", "delete", "kvt.dk", "--yes"], s.paths()),
            ("a secret for APOP", ["user", "apop", "abc@kvt.dk", "--off"], [os.path.join(s.h.etc, "kvt.dk", n) for n in ("apop", ".apop.new", "")]),
            ("IMAP folders that are renamed", ["user", "rename", "abc@kvt.dk", "xyz"], [os.path.join(s.h.spool, "kvt.dk", n) for n in (".imap", ".imap/abc", "")]),
            ("IMAP folders that are deleted", ["user", "delete", "abc@kvt.dk", "--yes"], [os.path.join(s.h.spool, "kvt.dk", n) for n in (".imap", ".imap/abc", ".trash", "")])):
        if "APOP" in sentence:
            s.renew()
            s.h.must_admin("user", "apop", "abc@kvt.dk", "--random")
            s.h.must_admin("user", "apop", "kvt@kvt.dk", "--random")
            s.save()
        argv, odd = s.command(args), []
        count, wrong, ends = s.killed_everywhere(argv, "root and its children", paths, watch(s, argv, s.later, odd), sentence)
        total += count
        check(f"{sentence}, killed at {count} calls: the next command leaves it undone or done, whole", not wrong and ends["new"] > 0, "\n".join(wrong[:5]))
        equal(f"{sentence}: no file is half of one at any time", odd, [])
    check("enough kills", total > 8, total)


def judge(s, call, r, at_once, state, old, new, after):
    """Old or new, and done only where it is."""
    key = "etc/maps/dovecot/kvt.dk"
    if at_once.get(key) not in (old[key], new[key]):
        return f"the file is neither: {at_once.get(key)}"
    if after.returncode != 0 or state not in (old, new):
        return differences(min((old, new), key=lambda t: len(differences(t, state))), state) or "the next command fails"
    if r.returncode == 0:
        half = {k: v for k, v in at_once.items() if not k.startswith("state/pending/")}
        return None if half == new else "says that it is done: " + differences(new, half)
    return None if r.returncode in (1, 75) and r.stderr.strip() else f"exit {r.returncode}, says {r.stderr!r}"


def faults(s):
    total, wrong = 0, []
    alias = {call: FAILING[call] for call in ("openat", "symlinkat", "renameat", "fsync")}
    for args, failing in ((PASSWORD, FAILING), (["domain", "alias", "org.dk", "kvt.dk"], alias)):
        count, bad = s.failing_everywhere(s.command(args), lambda *a: judge(s, *a), failing, lambda call: s.paths())
        total, wrong = total + count, wrong + bad
    note(f"{total} faults")
    check(f"{total} calls that fail: old or new, and never a wrong word", total > 18 and not wrong, "\n".join(wrong[:6]))


def full_disk():
    """The disk of the maps has less and less room, down to none."""
    h = House()
    disk = h.path("disk")
    small_disk(disk, "1m")
    os.mkdir(f"{disk}/state", 0o700)
    h.write_settings(map_directory=f"{disk}/maps", state_directory=f"{disk}/state", dovecot_group="dovecot")
    a = h.account("k")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    for n in range(40):
        h.must_admin("user", "add", f"u{n}@kvt.dk", "--hash", OLD)
    path, ballast = f"{disk}/maps/dovecot/kvt.dk", f"{disk}/ballast"
    met, wrong = set(), []
    for room in (0, 4096, 8192, 12288, 131072):
        h.must_admin("user", "password", "u7@kvt.dk", "--hash", OLD)
        before = read(path)
        free = os.statvfs(disk).f_bavail * 4096
        write(ballast, b"x" * max(0, free - room))
        r = h.admin("user", "password", "u7@kvt.dk", "--hash", NEW)
        after, litter = read(path), [n for n in os.listdir(os.path.dirname(path)) if n.startswith(".")]
        met.add(after == before)
        if (after == before) == (NEW.encode() in after) or (r.returncode == 0) != (NEW.encode() in after) or litter or r.returncode not in (0, 75):
            wrong.append((room, r.returncode, r.stderr, litter))
        os.unlink(ballast)
        h.must_admin("domain", "list")  # finishes what was begun
        if r.returncode and b"it was begun" in r.stderr and NEW.encode() not in read(path):
            wrong.append((room, "is not finished"))
    check("a full disk: the old file or the new one, no litter, and the next command finishes", met == {True, False} and not wrong, (met, wrong))


stage = Host()
kills(stage)
shutil.rmtree(stage.saved, True)
stage = Host()
faults(stage)
full_disk()
done()
