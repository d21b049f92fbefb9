#!/usr/bin/python3
"""Full mailboxes on a real Postfix: what waits in the queue, why, and that it is stored once when there is room; what is
refused, when, and in whose words; what goes in all the same; who is warned, how often, in which language.
"""
import glob
import mailbox
import os
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from answers import put  # noqa: E402
from mailsite import Site, bounces  # noqa: E402
from scratch import must, read, run, wait_for, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

DAY = 24 * 3600
FULL = "abc@a.dk: the mailbox is full"
NO_ROOM = "A message did not fit into your mailbox"  # the subject of a warning
# A reader of the account's own removes the first message of a subject.
REMOVE = """import mailbox, os, sys
box = mailbox.Maildir(sys.argv[1]) if os.path.isdir(sys.argv[1]) else mailbox.mbox(sys.argv[1])
box.lock()
box.remove(next(k for k, m in box.items() if m["Subject"] == sys.argv[2]))
box.flush()
box.unlock()
"""


def text(size, subject="big"):
    """A message of so many bytes, with all fields that Postfix would add."""
    head = f"From: s@client.dk\nDate: Thu, 26 Nov 2026 06:00:00 +0000\nSubject: {subject}\nMessage-ID: <q@client.dk>\n\n".encode()
    return head + ((b"x" * 70 + b"\n") * (size // 71 + 1))[:size - len(head) - 1] + b"\n"


class Test(Site):
    def box(self, user):
        path = os.path.join(self.h.spool, "a.dk", user)
        if os.path.isdir(path):
            return mailbox.Maildir(path, create=False)
        return mailbox.mbox(path)

    def subjects(self, user):
        return sorted(m["Subject"] for m in self.box(user)) if os.path.exists(os.path.join(self.h.spool, "a.dk", user)) else []

    def waits(self, sentence, recipient, message, reason):
        """Send what must stay in the queue for that reason."""
        at = len(self.h.postfix.log())
        self.send(recipient, message, settled=False)
        check(f"{sentence}: it waits", self.h.postfix.wait_deferred(1), self.h.postfix.log()[at:])
        equal(f"{sentence}: the queue says why", list(self.h.postfix.waiting().values()), [reason])
        contains(f"{sentence}: the log too", self.h.postfix.log()[at:], f"dsn=4.2.2, status=deferred ({reason}")

    def again(self):
        """Try the queue anew, and wait for what comes of it; returns the log lines."""
        before = self.h.postfix.log().count("status=")
        at = len(self.h.postfix.log())
        self.h.postfix.postqueue("-f")
        wait_for(lambda: self.h.postfix.log().count("status=") > before)
        self.h.postfix.wait_deferred(0, 5)
        return self.h.postfix.log()[at:]

    def make_room(self, user, subject="big"):
        owner = self.accounts["a.dk"]
        must([sys.executable, "-c", REMOVE, os.path.join(self.h.spool, "a.dk", user), subject], user=owner.pw_uid, group=owner.pw_gid, extra_groups=[])

    def forget(self):
        """Empty all mailboxes, and the queue, where something went wrong."""
        if self.h.postfix.queued():
            run(["/usr/sbin/postsuper", "-c", self.h.postfix.config, "-d", "ALL"])
        for name in os.listdir(os.path.join(self.h.spool, "a.dk")):
            if name != ".files" and os.path.isdir(os.path.join(self.h.spool, "a.dk", name)):
                shutil.rmtree(os.path.join(self.h.spool, "a.dk", name))
        super().forget()


def users_quota(t):
    for form in ("mbox", "maildir"):
        t.settings("a.dk", "users/abc", f"quota = 5000\nquota_warning = 0\nmailbox_format = {form}\n")
        for _ in range(2):
            t.send("abc@a.dk", text(2000))
        t.waits(f"{form}: a message over the quota", "abc@a.dk", text(2000, "late"), FULL)
        t.again()
        equal(f"{form}: while it is full, tries change nothing", (t.subjects("abc"), len(t.h.postfix.waiting())), (["big", "big"], 1))
        t.make_room("abc")
        contains(f"{form}: with room it is delivered", t.again(), "dsn=2.0.0, status=sent")
        equal(f"{form}: it is there, once, and waits no more", (t.subjects("abc"), t.h.postfix.waiting()), (["big", "late"], {}))
        equal(f"{form}: nobody was told", t.counts("s@client.dk"), [0])
        t.forget()


def small_ones(t):
    """1 KB is what the sender sent: the lines that this host puts on top are not his."""
    t.settings("a.dk", "users/abc", "quota = 3000\nquota_warning = 0\n")
    t.settings("a.dk", "users/postmaster", "quota = 3000\n")
    t.send("abc@a.dk", text(2500))
    for size in (200, 1024):
        t.send("abc@a.dk", text(size, f"small {size}"))
    equal("a full mailbox takes what has 1 KB", t.subjects("abc"), ["big", "small 1024", "small 200"])
    t.waits("a byte more", "abc@a.dk", text(1025, "small 1025"), FULL)
    t.settings("a.dk", "users/abc", "")
    t.again()
    equal("without a quota it is in", "small 1025" in t.subjects("abc"), True)
    for n in range(3):
        t.send("postmaster@a.dk", text(2500, str(n)))
    equal("postmaster's mail is always in", [s for s in t.subjects("postmaster") if s.isdigit()], ["0", "1", "2"])
    t.settings("a.dk", "users/abc", "quota = 3000\nquota_warning = 0\n")
    t.forget()


def count_of_messages(t):
    t.settings("a.dk", "users/abc", "quota_messages = 2\nquota_warning = 0\n")
    for _ in range(2):
        t.send("abc@a.dk", text(2000))
    t.waits("one message too many", "abc@a.dk", text(2000, "late"), FULL)
    t.make_room("abc")
    t.again()
    equal("one message too many: in, once, when one is gone", t.subjects("abc"), ["big", "late"])
    t.settings("a.dk", "users/abc", "")
    t.forget()


def domains_quota(t):
    """Of an mbox and a Maildir together."""
    t.settings("a.dk", "domain.conf", "domain_quota = 8000\n")
    t.settings("a.dk", "users/def", "mailbox_format = maildir\n")
    for user in ("abc", "def"):
        t.send(f"{user}@a.dk", text(3000))
    t.waits("over the domain's quota", "ghi@a.dk", text(3000, "late"), "ghi@a.dk: the mailbox is full")
    t.make_room("def")
    t.again()
    equal("over the domain's quota: in, once, when another user has made room", (t.subjects("abc"), t.subjects("def"), t.subjects("ghi")), (["big"], [], [NO_ROOM, "late"]))
    t.settings("a.dk", "domain.conf", "")
    t.settings("a.dk", "users/def", "")
    t.forget()


def refused(t):
    """The sender's bounce, in whose words: domain, host, ours; in which language: user, domain, host."""
    english, host = "the mailbox is full", "host: %u is full"
    t.send("abc@a.dk", text(2500))
    steps = [
        ("built in", {}, english),
        ("the host's text", {"/messages/over-quota.en": host}, "host: abc is full"),
        ("vpopmail's text of the domain", {"a.dk/.over-quota.msg": "Try again in May,\nor call %d.\n"}, "Try again in May, or call a.dk."),
        ("the domain's text", {"a.dk/messages/over-quota.en": "Out of order.\n"}, "Out of order."),
        ("Danish, by the domain", {"a.dk/domain.conf": "language = da\n"}, "Try again in May, or call a.dk."),
        ("Danish, in the domain's words", {"a.dk/messages/over-quota.da": "Prøv på mandag.\n"}, "Proev paa mandag."),
        ("a user of another language", {"a.dk/users/abc": "language = en\n"}, "Out of order."),
        ("no text of the domain's", {"a.dk/.over-quota.msg": None, "a.dk/messages/over-quota.en": None, "a.dk/messages/over-quota.da": None}, "host: abc is full"),
        ("Danish, built in", {"a.dk/users/abc": "language = da\n", "/messages/over-quota.en": None}, "postkassen er fuld"),
    ]
    for sentence, files, want in steps:
        for name, content in files.items():
            place(t, name, (content + "quota = 3000\nover_quota = refuse\n") if name == "a.dk/users/abc" else content)
        if "a.dk/users/abc" not in files and sentence == "built in":
            t.settings("a.dk", "users/abc", "quota = 3000\nover_quota = refuse\n")
        log = t.send("abc@a.dk", text(2500))
        contains(f"{sentence}: refused", log, f"dsn=5.2.2, status=bounced (abc@a.dk: {want}")
        found = bounces(t.mail("client.dk", "s"))
        equal(f"{sentence}: the sender's bounce says so, to people and to programs",
              [(want in " ".join(m.get_payload(0).get_payload().split()), field(m, "Status"), want in (field(m, "Diagnostic-Code") or "")) for m in found],
              [(True, "5.2.2", True)])
        os.unlink(os.path.join(t.h.spool, "client.dk", "s"))
    equal("the mailbox is as it was, but for one warning", t.subjects("abc"), [NO_ROOM, "big"])
    place(t, "a.dk/domain.conf", "")
    t.settings("a.dk", "users/abc", "")
    t.forget()


def place(t, name, content):
    """A text of the host's (`/messages/...`) or a domain's; None: it is removed."""
    path = os.path.join(t.h.etc, name.lstrip("/"))
    if content is None:
        os.unlink(path)
    elif name.startswith("/"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write(path, content)
    else:
        t.settings(*name.split("/", 1), content)


def field(bounce, name):
    """A field of a bounce's part for programs, of its only recipient."""
    value = bounce.get_payload(1).get_payload(1)[name]
    return " ".join(value.split()) if value else None


def backdate(t, days):
    """The message in the queue came so many days ago: its Received says so, in its file, of which no length changes."""
    path = glob.glob(os.path.join(t.h.postfix.queue, "deferred", "*", "*"))[0]
    data = read(path)
    stamp = time.strftime("%a, %e %b %Y %H:%M:%S", time.gmtime(time.time() - days * DAY)).encode()
    data, count = re.subn(rb"\w{3}, [ \d]\d \w{3} \d{4} \d\d:\d\d:\d\d(?= \+0000)", stamp, data, count=1)
    check("the queue file has a date", count == 1, data[:500])
    with open(path, "r+b") as f:
        f.write(data)


def for_some_days(t):
    t.settings("a.dk", ".over-quota.msg", "We gave up.\n")
    t.settings("a.dk", "users/abc", "quota = 3000\nover_quota_days = 3\nquota_warning = 0\n")
    t.send("abc@a.dk", text(2500))
    t.waits("over_quota_days = 3, on the first day", "abc@a.dk", text(2500), "abc@a.dk: We gave up.")
    backdate(t, 2.9)
    contains("on the third day", t.again(), "dsn=4.2.2, status=deferred")
    backdate(t, 3.1)
    contains("on the fourth day", t.again(), "dsn=5.2.2, status=bounced (abc@a.dk: We gave up.")
    check("it is out of the queue", t.h.postfix.wait_empty())
    found = bounces(t.mail("client.dk", "s"))
    equal("the sender has one bounce, in the domain's words", [(field(m, "Status"), "We gave up." in field(m, "Diagnostic-Code")) for m in found], [("5.2.2", True)])
    equal("nothing of it was stored", t.subjects("abc"), ["big"])
    place(t, "a.dk/.over-quota.msg", None)
    t.settings("a.dk", "users/abc", "")
    t.forget()


def warned(t, user="abc"):
    """The warnings in a mailbox: their texts."""
    return [m.get_payload(decode=True).decode() for m in t.box(user) if m["Auto-Submitted"] == "auto-generated"]


def warnings(t):
    mark = os.path.join(t.h.spool, "a.dk", ".files", "abc.warned")
    for form in ("mbox", "maildir"):
        t.settings("a.dk", "users/abc", f"quota = 10000\nmailbox_format = {form}\n")
        if os.path.exists(mark):
            os.unlink(mark)
        for n in range(3):
            t.send("abc@a.dk", text(2500, str(n)))
        equal(f"{form}: below 90 percent nobody is warned", len(warned(t)), 0)
        t.send("abc@a.dk", text(1000))
        equal(f"{form}: at 90 percent he is, once", [re.search(r"abc@a.dk is 9\d percent full", w) is not None for w in warned(t)], [True])
        t.send("abc@a.dk", text(200))
        equal(f"{form}: within a week no more", len(warned(t)), 1)
        os.utime(mark, (time.time() - 6.9 * DAY,) * 2)
        t.send("abc@a.dk", text(200))
        equal(f"{form}: after 6.9 days not yet", len(warned(t)), 1)
        os.utime(mark, (time.time() - 7.1 * DAY,) * 2)
        t.send("abc@a.dk", text(200))
        equal(f"{form}: after 7.1 days again", len(warned(t)), 2)
        equal(f"{form}: nobody else was", (t.counts("s@client.dk", "postmaster@a.dk", "def@a.dk"), len(t.h.postfix.queued())), ([0, 0, 0], 0))
        t.forget()


def warnings_in_words(t):
    """At a percent that was set; in whose words and which language: each step has a mailbox of its own day."""
    mark = os.path.join(t.h.spool, "a.dk", ".files", "abc.warned")
    own = "quota = 10000\nquota_warning = 40\n"
    t.settings("a.dk", "users/abc", own)
    t.send("abc@a.dk", text(2000))
    os.path.exists(mark) and os.unlink(mark)
    t.send("abc@a.dk", text(2500))
    contains("at 40 percent, which was set", warned(t)[0], "abc@a.dk is 5")
    t.settings("a.dk", "users/abc", "quota_messages = 2\nquota_warning = 50\n")
    t.forget()
    os.unlink(mark)
    t.send("abc@a.dk", text(2000))
    contains("at 50 percent of the messages", warned(t)[0], "abc@a.dk is 50 percent full")
    t.settings("a.dk", "users/abc", own.replace("40", "0"))
    t.forget()
    os.unlink(mark)
    t.send("abc@a.dk", text(9000))
    equal("quota_warning = 0: never", len(warned(t)), 0)
    steps = [
        ("the host is Danish", lambda: t.h.write_settings(language="da"), "Din postkasse abc@a.dk er "),
        ("the user is not", lambda: t.settings("a.dk", "users/abc", own + "language = en\n"), "Your mailbox abc@a.dk is "),
        ("the host's words", lambda: place(t, "/messages/warning.en", "Host: %u has %p %%.\n"), "Host: abc has "),
        ("the domain's words", lambda: place(t, "a.dk/messages/warning.en", "Domain: %u, %p.\n"), "Domain: abc, "),
        ("the domain is Danish", lambda: (place(t, "a.dk/domain.conf", "language = da\n"), t.h.write_settings(language="en"), t.settings("a.dk", "users/abc", own)),
         "Din postkasse abc@a.dk er "),
        ("the domain's Danish words", lambda: place(t, "a.dk/messages/warning.da", "Domæne: %u på %p.\n"), "Domæne: abc på "),
    ]
    t.settings("a.dk", "users/abc", own)
    for sentence, change, want in steps:
        change()
        t.forget()
        if os.path.exists(mark):
            os.unlink(mark)
        t.send("abc@a.dk", text(5000))
        equal(f"a warning: {sentence}", [w[:len(want)] for w in warned(t)], [want])
    danish = next(m for m in t.box("abc") if m["Auto-Submitted"] == "auto-generated")
    equal("it is Danish in its header too, from postmaster, and no answer is wanted",
          [danish[k] for k in ("Subject", "From", "To", "Return-Path", "Content-Type")],
          ["Din postkasse er snart fuld", "postmaster@a.dk", "abc@a.dk", "<>", "text/plain; charset=UTF-8"])
    for name in ("/messages/warning.en", "a.dk/messages/warning.en", "a.dk/messages/warning.da"):
        place(t, name, None)
    t.settings("a.dk", "users/abc", "")
    t.forget()


def danish_answers(t):
    """The domain is Danish still: a vacation without a text of the user's, and what a sender is told."""
    put(t.h, t.accounts["a.dk"], "a.dk", "def.vacation.db", "")
    t.send("def@a.dk", b"To: def@a.dk\nSubject: hi\nMessage-ID: <v@client.dk>\n\nhello\n")
    answer = t.mail("client.dk", "s")
    equal("a Danish vacation", [(m["Subject"], m.get_payload(decode=True).decode()) for m in answer],
          [("Automatisk svar", "Din besked til def@a.dk er kommet frem. Jeg er væk og læser den, når jeg er tilbage.\n")])
    put(t.h, t.accounts["a.dk"], "a.dk", "def.vacation.db", None)
    t.forget()
    t.settings("a.dk", "domain.conf", "language = da\nfallback = ghi\n")
    t.settings("a.dk", "users/def", "receive = no\n")
    t.settings("a.dk", "users/abc", "message_size = 1000\n", maps=True)
    for user, size, code, want in (("def", 200, "5.2.1", "denne postkasse modtager ikke post"), ("abc", 2000, "5.3.4", "beskeden er stoerre, end denne postkasse modtager")):
        contains(f"{want}: the log", t.send(f"{user}@a.dk", text(size)), f"dsn={code}, status=bounced ({user}@a.dk: {want}")
        equal(f"{want}: the bounce", [(field(m, "Status"), want in field(m, "Diagnostic-Code")) for m in bounces(t.mail("client.dk", "s"))], [(code, True)])
        t.forget()


def nobody(t):
    """A user whose line was taken out of passwd by hand, while the tables still have him: the domain is Danish."""
    t.settings("a.dk", "domain.conf", "language = da\n")
    t.settings("a.dk", "users/def", "")
    t.settings("a.dk", "users/abc", "", maps=True)
    path = os.path.join(t.h.etc, "a.dk", "passwd")
    before = read(path)
    write(path, re.sub(rb"(?m)^def:.*\n", b"", before), 0o600, t.accounts["a.dk"])
    for sentence, files, want in (("built in", {}, "den bruger findes ikke her"),
                                  ("vpopmail's text of the host", {"/.no-user.msg": "host: no %u\n"}, "host: no def"),
                                  ("vpopmail's text of the domain", {"a.dk/.no-user.msg": "No %u at %d.\n"}, "No def at a.dk."),
                                  ("the domain's Danish text", {"a.dk/messages/no-user.da": "%u er væk\n"}, "def er vaek")):
        for name, content in files.items():
            place(t, name, content)
        contains(f"no such user, {sentence}: the log", t.send("def@a.dk", text(200)), f"dsn=5.1.1, status=bounced (def@a.dk: {want}")
        equal(f"no such user, {sentence}: the bounce", [(field(m, "Status"), want in field(m, "Diagnostic-Code")) for m in bounces(t.mail("client.dk", "s"))], [("5.1.1", True)])
        t.forget()
    write(path, before, 0o600, t.accounts["a.dk"])


def main():
    t = Test({"a.dk": ["abc", "def", "ghi", "postmaster"], "client.dk": ["s"]}, "a.dk own=postmaster\n")
    for part in (users_quota, small_ones, count_of_messages, domains_quota, refused, for_some_days, warnings, warnings_in_words, danish_answers, nobody):
        part(t)
    done()


main()
