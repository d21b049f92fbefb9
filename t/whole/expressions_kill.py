#!/usr/bin/python3
"""What changes virtual_regexp, killed at every system call, with each call failing and on a full disk: sub-domains switched on, and
pattern aliases that were edited. The old text or the new one, never half of one; the next command finishes; no litter.
"""
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH, MAP_FILES, House  # noqa: E402
from killing import Stage, differences  # noqa: E402
from scratch import must, read, run, small_disk, write  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

BEFORE, AFTER = "/^sales-([a-z0-9]+)$/: sales\n", "/^sales-([a-z]+)$/: sales\n/^info-[0-9]+$/: abc\n"
SET = ["domain", "set", "kvt.dk", "sub_domains=yes"]
# Those that a change of virtual_regexp makes and admin_kill.py's cases do not, and few, for each run proves the expressions too.
FAILING = {"openat": "EIO", "write": "ENOSPC", "fsync": "EIO", "renameat": "EIO", "read": "EIO", "pipe2": "EMFILE", "clone": "EAGAIN"}
# What may stay: locks, and which text Postfix has read.
RUN_FILES = re.compile(r"[^.].*\.lock|reload")


def furnish(h):
    """Two domains of an account: old.dk has sub-domains, kvt.dk a pattern."""
    a = h.account("k")
    h.must_admin("domain", "add", "old.dk", "--account", a.pw_name, "--sub-domains")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    for address in ("abc@old.dk", "abc@kvt.dk", "sales@kvt.dk"):
        h.must_admin("user", "add", address, "--hash", HASH)
    write(os.path.join(h.etc, "kvt.dk", "aliases"), BEFORE, 0o600, a)
    h.maps()
    return a


class Host(Stage):
    def build(self):
        self.account = furnish(self.h)
        self.texts = self.odd = None
        os.unlink(os.path.join(self.h.path("run"), "reload"))  # or the first cases wait for the time of a reload

    @property
    def regexp(self):
        return os.path.join(self.h.map_folder, "virtual_regexp")

    def watch(self, argv, then):
        """For killed_everywhere's `later`: look at the disk as the kill left it, then say what runs next."""
        self.texts, self.odd = set(), []
        old, new = (s["etc/maps/virtual_regexp"][2] for s in self.both_ends(argv))

        def later(turn):
            text = read(self.regexp)
            self.texts.add(text)
            if text not in (old, new):
                self.odd.append(f"virtual_regexp is neither: {text!r}")
            return then(turn)
        return later

    def litter(self):
        """What lies about in maps/, run/ and state/pending."""
        left = [n for n in os.listdir(self.h.map_folder) if n not in MAP_FILES]
        left += [n for n in os.listdir(self.h.path("run")) if not RUN_FILES.fullmatch(n)]
        return left + os.listdir(os.path.join(self.h.path("state"), "pending"))


def kills(s):
    total = 0
    for sentence, argv, then in (
            ("sub-domains switched on", s.command(SET), s.later),
            ("edited patterns, one domain", s.maps("kvt.dk"), lambda turn: s.maps() if turn % 2 else s.maps("kvt.dk"))):
        if sentence.startswith("edited"):
            s.renew()
            write(os.path.join(s.h.etc, "kvt.dk", "aliases"), AFTER, 0o600, s.account)
            s.save()
        count, wrong, ends = s.killed_everywhere(argv, "root", (), s.watch(argv, then), sentence)
        total += count
        check(f"{sentence}, killed at {count} calls: the next command leaves it undone or done, whole", not wrong, "\n".join(wrong[:5]))
        equal(f"{sentence}: virtual_regexp is the old or the new one at any time", s.odd, [])
        check(f"{sentence}: both were met", len(s.texts) == 2 and ends["new"] > 0, (ends, s.texts))
        equal(f"{sentence}: nothing lies about", s.litter(), [])
    check("enough kills", total > 45, total)


def judge(call, r, at_once, state, old, new, after):
    """Old or new, each file at any time; done only where it is."""
    regexp = "etc/maps/virtual_regexp"
    if at_once[regexp] not in (old[regexp], new[regexp]):
        return f"virtual_regexp is neither: {at_once[regexp]}"
    if after.returncode != 0 or state not in (old, new):
        return differences(min((old, new), key=lambda t: len(differences(t, state))), state) or "the next command fails"
    if r.returncode == 0:  # the mark of the change, where it could not be removed, is the next command's
        half = {k: v for k, v in at_once.items() if not k.startswith("state/pending/")}
        return None if half == new else "says that it is done: " + differences(new, half)
    if call == "mmap" and r.returncode == -11:
        return None  # the dynamic loader's way to say that it has no memory
    if r.returncode not in (1, 75, 127):
        return "a wrong exit status"
    return None if r.stderr.strip() or call == "write" else "fails without a word"


def faults(s):
    count, wrong = s.failing_everywhere(s.command(SET), judge, FAILING)
    note(f"{count} faults")
    check(f"sub-domains switched on with {count} faults: old or new, and never a wrong word", count > 100 and not wrong, "\n".join(wrong[:8]))


def full_disk():
    """The disk of maps and state has less and less room, down to none."""
    h = House()
    disk = h.path("disk")
    small_disk(disk, "1m")
    h.write_settings(map_directory=f"{disk}/maps", state_directory=f"{disk}/state")
    h.map_folder = f"{disk}/maps"
    os.mkdir(f"{disk}/state", 0o700)
    furnish(h)
    parts, saved = (disk, h.etc), h.path("saved")
    os.mkdir(saved)
    must(["/usr/bin/cp", "-a", *parts, saved])

    def renew():
        for part in parts:
            for name in os.listdir(part):
                path = os.path.join(part, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
            must(["/usr/bin/cp", "-a", os.path.join(saved, os.path.basename(part)) + "/.", part])

    def look():
        keys = [run(["/usr/sbin/postmap", "-c", h.postfix.config, "-s", f"lmdb:{disk}/maps/{t}"]).stdout for t in ("virtual", "virtual_domains")]
        return [read(os.path.join(h.etc, "domains")), read(f"{disk}/maps/virtual_regexp"), *map(sorted, (k.splitlines() for k in keys))]

    old = look()
    h.must_admin(*SET)
    new, wrong, codes = look(), [], {}
    for room in range(0, 48, 4):
        renew()
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        write(f"{disk}/filler", b"x" * max(0, free - room * 1024))
        r = h.admin(*SET)
        codes.setdefault(r.returncode, []).append(room)
        at_once = look()
        if r.returncode not in (0, 75) or at_once[1] not in (old[1], new[1]) or (r.returncode == 0 and at_once != new) or (r.returncode and not r.stderr):
            wrong.append(f"{room} K: exit {r.returncode} {r.stderr.decode()} {at_once}")
        os.unlink(f"{disk}/filler")
        after = h.admin("domain", "list")
        state = look()
        left = [n for n in os.listdir(f"{disk}/maps") if n not in MAP_FILES] + os.listdir(f"{disk}/state/pending")
        if after.returncode != 0 or state not in (old, new) or left:
            wrong.append(f"{room} K, then room: exit {after.returncode} {after.stderr.decode()} {left} {state}")
    note(f"exit status and room in K: {codes}")
    check("a disk that is full sooner or later: old or new", not wrong, "\n".join(wrong[:6]))
    check("both were met", set(codes) == {0, 75}, codes)


def main():
    s = Host()
    faults(s)
    kills(s)
    full_disk()
    equal("what was killed left no process", run(["/usr/bin/pgrep", "-f", s.h.etc]).stdout, b"")
    done()


main()
