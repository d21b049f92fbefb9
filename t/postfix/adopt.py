#!/usr/bin/python3
"""A domain of 2002 on a real Postfix is taken over: its mail works before, with us in between, after the old lines are
gone, and as before when we are gone; adopt -n changes no byte, adopt only what is ours.
"""
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import read  # noqa: E402
from site2002 import Site, changed, tree  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

INSIDE, OUTSIDE = "127.0.0.2", "127.0.0.1"
MESSAGE = "Subject: {mark}\nMessage-ID: <{mark}@example.org>\n\nbody\n"
# recipient → the file that its mail ends in; as before, whatever is done
MAIL = {"abc@kvt.dk": "spool/kvt.dk/abc", "ABC@KVT.dk": "spool/kvt.dk/abc", "anna@kvt.dk": "spool/kvt.dk/anna",
        "kvt@kvt.dk": "home/{account}/Mail/mailbox", "proc@kvt.dk": "home/{account}/Mail/sorted",
        "webmaster@kvt.dk": "home/{jth}/Mail/mailbox", "postmaster@kvt.dk": "home/{jth}/Mail/mailbox",
        "{jth}@localhost": "home/{jth}/Mail/mailbox"}
# What the old expression let in, and what became of it: mail for others (F1, F2).
INJECTIONS = ['"{jth}+ x"@kvt.dk', '"victim@evil.example"@kvt.dk', '"a,b"@kvt.dk', "a..b@kvt.dk", ".abc@kvt.dk", '""@kvt.dk',
              '"abc "@kvt.dk', "abc%kvt.dk@sub.kvt.dk"]
SUB_DOMAINS = {"abc@y.z.kvt.dk": "spool/kvt.dk/abc", "kvt@www.kvt.dk": "home/{account}/Mail/mailbox", "abc+tag@sub.kvt.dk": "spool/kvt.dk/abc"}


class World:
    def __init__(self):
        self.h = House()
        self.site = Site(self.h)
        self.site.build()
        self.words = self.site.words
        self.counter = 0
        self.h.start()

    def end_of(self, mark):
        return sorted(path for path, text in self.h.all_mail().items() if f"<{mark}@".encode() in text)

    def deliver(self, stage, table):
        """Send to each recipient of the table and look where it ended."""
        marks = {}
        for recipient, path in table.items():
            self.counter += 1
            mark = f"{re.sub('[^a-z]', '-', stage)}-{self.counter}"
            rcpt, last, _ = self.h.postfix.send(recipient.format(**self.words), MESSAGE.format(mark=mark).encode())
            marks[recipient] = (mark, path.format(**self.words), rcpt[0], last)
        check(f"{stage}: the queue runs empty", self.h.postfix.wait_empty(60), self.h.postfix.log()[-2000:])
        for recipient, (mark, path, rcpt, last) in marks.items():
            # A mailbox of a home is where the test's own folder has it, whatever the account is called.
            equal(f"{stage}: {recipient} ends in {path.replace(str(os.getpid()), 'N')}", (rcpt[:3], self.end_of(mark)), ("250", [path]))


def accepted_before(w):
    """The faults of 2002 are there: the test would see them mended."""
    rcpt = w.h.postfix.rcpt("nosuch@kvt.dk")
    check("before: a name that is no user is accepted", rcpt.startswith("250"), rcpt)
    victim = '"{jth}+ x"@kvt.dk'.format(**w.words)
    w.h.postfix.send(victim, MESSAGE.format(mark="injected").encode())
    w.h.postfix.wait_empty()
    check("before: a quoted address reaches somebody else", any(w.words["jth"] in p for p in w.end_of("injected")), w.h.postfix.log()[-2500:])


def dry(w, stage, already=False):
    top = [w.h.path(n) for n in ("etc", "spool", "home", "run", "state", "postfix", "old")]
    before = tree(*top)
    r = w.h.admin("adopt", "-n", "kvt.dk")
    equal(f"{stage}: adopt -n works", (r.returncode, r.stderr), (0, b""))
    equal(f"{stage}: adopt -n leaves every byte, mode, owner and date", changed(before, tree(*top)), "")
    note(r.stdout.decode())
    return r.stdout.decode()


def adopt(w):
    """Only what is ours changes."""
    kept = [w.h.path(n) for n in ("spool", "home", "postfix", "old")] + [w.site.folder]
    before = tree(*kept)
    report = json.loads(w.h.must_admin("--json", "adopt", "kvt.dk"))
    equal("adopt leaves passwd, .forward files, mailboxes, Postfix's files and the old programs as they are", changed(before, tree(*kept)), "")
    contains("domains says that its sub-domains are ours", read(f"{w.h.etc}/domains").decode(), "kvt.dk sub_domains=yes\n")
    contains("the history has it", read(w.h.path("state", "history", "kvt.dk")).decode(),
             f"root local adopt kvt.dk account={w.words['account']} sub_domains=yes")
    keys = [l.split("\t")[0] for l in read(os.path.join(w.h.map_folder, "virtual")).decode().splitlines() if l[0] != "#"]
    equal("the maps have its users", keys, [f"{u}@kvt.dk" for u in ("abc", "abuse", "anna", "kvt", "postmaster", "proc")])
    again = json.loads(w.h.must_admin("--json", "adopt", "kvt.dk"))
    equal("a second run has nothing to do, and says the same of the old lines", (again["already"], again["remove"]), (True, report["remove"]))
    return report


def remove_old_lines(w, report):
    """Exactly the printed lines, in their order; what is said between them is run."""
    s = w.site
    regexp, virtual = (l.format(**w.words) for l in (r"{top}/postfix/virtual_regexp:2: /^(.+)@(.+\.)?(kvt\.dk)$/ {account}+$1--$2$3",
                                                     "{top}/postfix/virtual:4: kvt.dk                    anything"))
    equal("adopt names the two old lines, the expression first", report["remove"], [regexp, virtual])
    for printed, after in zip(report["remove"], (w.h.postfix.reload, s.postmap)):
        s.remove_line(printed)
        after()
        w.deliver(f"without {os.path.basename(printed.split(':')[0])}", {k: v for k, v in MAIL.items() if k.startswith(("abc", "kvt"))})
    w.h.postfix.reload()


def refused(w, recipient):
    """By a stranger and by a client of the host's own. `"x@y"@kvt.dk` is taken for an attempt to relay: 454."""
    codes = ("550", "501", "553", "504") + (("454",) if recipient.count("@") > 1 or "%" in recipient else ())
    answers = [w.h.postfix.rcpt(recipient.format(**w.words), source=source) for source in (OUTSIDE, INSIDE)]
    check(f"afterwards: {recipient.format(**dict(w.words, jth='JTH'))} is refused at RCPT", all(a[:3] in codes for a in answers), answers)


def afterwards(w):
    w.deliver("after the old lines", MAIL)
    for recipient in ["nosuch@kvt.dk", "exit@kvt.dk", "nosuch+tag@kvt.dk", "nosuch@sub.kvt.dk"] + INJECTIONS:
        refused(w, recipient)
    w.deliver("sub-domains", SUB_DOMAINS)
    w.deliver("a tag", {"abc+tag@kvt.dk": "spool/kvt.dk/abc"})
    check("the old mail is still there", read(f"{w.h.spool}/kvt.dk/abc").startswith(b"From old@example.org"), "")
    out = w.h.must_admin("adopt", "kvt.dk")
    check("then no old line is left to be named", "remove " not in out and "is adopted already" in out, out)


def undo(w):
    s = w.site
    w.h.must_admin("setup", "--undo", "--yes")
    w.h.postfix.reload()
    rcpt = w.h.postfix.rcpt("abc@kvt.dk")
    check("without us and without the old lines it is nobody's domain", rcpt[:3] in ("454", "554"), rcpt)
    s.write_tables()
    w.h.postfix.reload()
    w.deliver("after setup --undo, the old lines put back", MAIL)
    rcpt = w.h.postfix.rcpt("nosuch2@kvt.dk")
    check("all is as before: a name that is no user is accepted", rcpt.startswith("250"), rcpt)


def main():
    w = World()
    w.deliver("before", MAIL)
    accepted_before(w)
    out = dry(w, "before setup")
    contains("before setup the first advice is setup", out, "in this order:\n  run first: postfix-virtual setup\n")
    w.h.must_admin("setup", "--yes")
    w.h.postfix.reload()
    out = dry(w, "after setup")
    check("after setup it is not", "postfix-virtual setup" not in out, out)
    for words in ("3 of 4 passwords are plain text", "postmaster@kvt.dk stays with", f"{w.words['home']}/.forward stays the account's own"):
        contains("it says what else is to be known", out, words)
    report = adopt(w)
    w.deliver("with the old lines", MAIL)
    remove_old_lines(w, report)
    afterwards(w)
    undo(w)
    done()


main()
