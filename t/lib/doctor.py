"""doctor.py: a house with three domains on a Postfix of its own, where all is well, and faults in it.

    d = Doctor()
    d.fault("a sentence", make, mend, "warning", "kvt.dk", "an expression that the text matches")
"""
import json
import os
import re

from house import HASH, House
from scratch import must, read, small_disk, write
from tap import check, equal

STATUS = {"warning": 1, "critical": 2, "unknown": 3}
WELL = (0, "ok: 3 domains\n", "")

# What an administrator who had mail before us may have.
MAIN = """\
virtual_alias_maps = hash:{top}/postfix/virtual, pcre:{top}/postfix/own.pcre
virtual_alias_domains = hash:{top}/postfix/virtual
relay_domains = hash:{top}/postfix/relay
mailbox_delivery_lock = fcntl, dotlock
"""


class Doctor:
    def __init__(self, spool_size=None):
        """spool_size: of a disk of its own for the mailboxes, as in mount(8)."""
        self.house = h = House()
        if spool_size:
            small_disk(h.spool, spool_size)
        self.a, self.b = h.account("a"), h.account("b")
        write(self.file("virtual"), "old.example anything\ninfo@old.example root\n")
        write(self.file("own.pcre"), "/^nothing@nowhere$/ root\n")
        write(self.file("relay"), "relayed.example OK\n")
        h.postfix.append("main.cf", MAIN.format(top=h.top))
        for name in ("virtual", "relay"):
            self.build(name)
        h.start()
        h.must_admin("setup", "--yes")
        for name in ("run", "state"):
            os.chmod(h.path(name), 0o700)
        for domain, account in (("kvt.dk", self.a), ("two.dk", self.a), ("other.dk", self.b)):
            h.must_admin("domain", "add", domain, "--account", account.pw_name)
            h.must_admin("user", "add", f"abc@{domain}", "--hash", HASH)

    def file(self, name):
        return self.house.path("postfix", name)

    def build(self, name):
        must(["/usr/sbin/postmap", "-c", self.house.postfix.config, "hash:" + self.file(name)])

    def run(self, *args):
        r = self.house.admin("doctor", *args)
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def find(self, sentence, severity, obj, text, args=()):
        """The one finding of that kind: its severity, its object, a text that the expression matches."""
        status, out, err = self.run("--json", *args)
        found = json.loads(out) if out else []
        fits = [f for f in found if f["severity"] == severity and f["object"] == obj and re.search(text, f["text"])]
        check(f"{sentence}: {severity}", len(fits) == 1 and not err, f"exit {status}\n{out}{err}")
        return status, found

    def fault(self, sentence, make, mend, severity, obj, text, alone=True):
        """Make it, find it, mend it, and all is well again."""
        make()
        status, found = self.find(sentence, severity, obj, text)
        if alone:
            bad = [f for f in found if f["severity"] != "note"]
            equal(f"{sentence}: nothing else is told of", len(bad), 0 if severity == "note" else 1)
            equal(f"{sentence}: the exit status", status, STATUS.get(severity, 0))
        mend()
        self.well(f"{sentence}: mended, and gone")

    def well(self, sentence):
        equal(sentence, self.run(), WELL)

    # --- (make, mend) ---

    def edit(self, name, text, build=True):
        """Add lines to a file of Postfix's."""
        path = self.file(name)
        before = read(path)

        def change(data):
            write(path, data)
            if build:
                self.build(name)
        return (lambda: change(before + text.encode())), (lambda: change(before))

    def setting(self, **settings):
        before = {name: self.house.postfix.value(name) for name in settings}
        return (lambda: self.house.postfix.set(**settings)), (lambda: self.house.postfix.set(**before))


def mode(path, to):
    before = os.stat(path).st_mode & 0o7777
    return (lambda: os.chmod(path, to)), (lambda: os.chmod(path, before))


def own(path, uid):
    st = os.lstat(path)
    return (lambda: os.lchown(path, uid, -1)), (lambda: os.lchown(path, st.st_uid, -1))


def aside(path):
    return (lambda: os.rename(path, path + ".aside")), (lambda: os.rename(path + ".aside", path))


def added(path, text, bits=0o600, owner=None):
    return (lambda: write(path, text, bits, owner)), (lambda: os.unlink(path))
