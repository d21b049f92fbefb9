#!/usr/bin/python3
"""Responders and vacations on a real Postfix: who is answered, with what, how often, and who never is."""
import email.header
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from answers import answers, in_mailbox, index, put  # noqa: E402
from house import House  # noqa: E402
from scratch import must, read, small_disk, wait_for, write  # noqa: E402

AUTO = "Subject: Price list\nReply-To: boss@kvt.dk\n\nSee below, $SUBJECT.\n"
ALIASES = "sales: info\nhelp: xyz, s@client.dk\nprices: price\n"
AWAY = "Subject: Away\n\nBack on Monday.\n"
# Of a message to abc@kvt.dk, who is on vacation: a sender, header fields, and why it is not answered.
NEVER = [
    ("", "", "it has the null sender"),
    ("MAILER-DAEMON@client.dk", "", "its sender is a machine or a list"),
    ("owner-list@client.dk", "", "its sender is a machine or a list"),
    ("list-owner@client.dk", "", "its sender is a machine or a list"),
    ("list-request@client.dk", "", "its sender is a machine or a list"),
    ("list-bounces@client.dk", "", "its sender is a machine or a list"),
    ("list-bounces+abc=kvt.dk@client.dk", "", "its sender is a machine or a list"),
    ("noreply@client.dk", "", "its sender is a machine or a list"),
    ("No-Reply@client.dk", "", "its sender is a machine or a list"),
    ("n1@client.dk", "Auto-Submitted: auto-generated", "(Auto-Submitted)"),
    ("n2@client.dk", "Auto-Submitted: auto-replied; x=y", "(Auto-Submitted)"),
    ("n3@client.dk", "auto-submitted:\n AUTO-NOTIFIED", "(Auto-Submitted)"),
    ("n4@client.dk", "Precedence: bulk", "(Precedence)"),
    ("n5@client.dk", "Precedence: List", "(Precedence)"),
    ("n6@client.dk", "precedence: junk", "(Precedence)"),
    ("n7@client.dk", "List-Id: <x.client.dk>", "(List-*)"),
    ("n8@client.dk", "List-Unsubscribe: <mailto:x@client.dk>", "(List-*)"),
    ("n9@client.dk", "X-Auto-Response-Suppress: All", "(X-Auto-Response-Suppress)"),
    ("n10@client.dk", "X-Auto-Response-Suppress: DR, OOF", "(X-Auto-Response-Suppress)"),
    ("n11@client.dk", "X-Spam-Flag: YES", "(X-Spam-Flag)"),
    ("n12@client.dk", "X-Loop: anybody@example.org", "(X-Loop)"),
    ("n13@client.dk", "Content-Type: multipart/report; report-type=delivery-status; boundary=x", "a report or a receipt"),
    ("n14@client.dk", "Content-Type: message/disposition-notification", "a report or a receipt"),
    ("abc@kvt.dk", "", "its sender is the address itself"),
    ("ABC+x@KVT.dk", "", "its sender is the address itself"),
    ("abc@kvt.org", "", "its sender is the address itself"),
    ('"n 15"@client.dk', "", "no plain address"),
]
OTHERS = [  # To and Cc, and whether abc@kvt.dk, who got it, stands there
    ("To: xyz@kvt.dk", False), ("To: undisclosed-recipients:;", False), ("X-To: abc@kvt.dk", False), ("Subject: abc@kvt.dk", False),
    ("To: Boss <xyz@kvt.dk>\nCc: x@client.dk,\n \"A, B\" <ABC@kvt.dk>", True), ("Resent-To: abc@kvt.dk", True),
    ("To: abc@kvt.org", True), ("To: abc+list@kvt.dk", True),
]


def message(fields="", to="abc@kvt.dk", subject="Question", body="text\n"):
    head = f"To: {to}\n" if to else ""
    return f"{head}Subject: {subject}\nMessage-ID: <q1@client.dk>\n{fields}{chr(10) if fields else ''}\n{body}".encode()


class Test:
    def __init__(self):
        h = self.h = House()
        self.owner, self.client = h.account("a"), h.account("c")
        h.domain("kvt.dk", self.owner, {"abc": ".", "xyz": ".", "info": "."})
        h.domain("client.dk", self.client, {"all": "."}, fallback="all")
        write(h.path("etc", "domains"), "kvt.org alias_of=kvt.dk\n")
        write(h.path("etc", "kvt.dk", "aliases"), ALIASES.replace("prices: price\n", ""), 0o600, self.owner)
        h.use_samples()
        h.maps()
        h.start()
        h.postfix.let_accounts_send()
        h.postfix.reload()

    def put(self, name, text, mode=0o600):
        return put(self.h, self.owner, "kvt.dk", name, text, mode)

    def conf(self, user, text):
        folder = self.h.path("etc", "kvt.dk", "users")
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            os.chown(folder, self.owner.pw_uid, self.owner.pw_gid)
        write(os.path.join(folder, user), text, 0o600, self.owner)

    def vacation(self, text=AWAY, conf="", on=True):
        """A vacation of abc's as new."""
        self.put("abc.vacation", text)
        self.put("abc.vacation.db", None)
        if on:
            self.put("abc.vacation.db", "")
        self.conf("abc", conf)

    def send(self, to, sender, text):
        return self.h.postfix.send(to, text, sender=sender)

    def settle(self):
        if not self.h.postfix.wait_empty():
            raise RuntimeError(f"mail stays in the queue\n{self.h.postfix.log()[-3000:]}")

    def asked(self, to="abc@kvt.dk", sender="s@client.dk", text=None, mailbox="abc"):
        """Send one message. Returns (how many messages its mailbox got, the answers that came of it)."""
        before = len(in_mailbox(self.h, "kvt.dk", mailbox)), len(answers(self.h, "client.dk", "all"))
        self.send(to, sender, text or message(to=to))
        self.settle()
        return (len(in_mailbox(self.h, "kvt.dk", mailbox)) - before[0], answers(self.h, "client.dk", "all")[before[1]:])

    def asks(self, sentence, want, **more):
        """The message is always delivered, and answered as often as wanted; returns the last answer."""
        got, found = self.asked(**more)
        equal(sentence, (got, len(found)), (1, want))
        return found[-1] if found else None


def decoded(field):
    return str(email.header.make_header(email.header.decode_header(field))) if field else field


# --- what is answered ---

def responder(t):
    t.put("info.auto", AUTO)
    m = t.asks("a responder of a user answers, and the message is delivered", 1, to="info@kvt.dk", mailbox="info")
    want = {"From": "info@kvt.dk", "To": "s@client.dk", "Subject": "Price list", "Reply-To": "boss@kvt.dk", "In-Reply-To": "<q1@client.dk>",
            "References": "<q1@client.dk>", "Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All",
            "X-Loop": "info@kvt.dk", "Return-Path": "<>", "MIME-Version": "1.0", "Content-Type": "text/plain; charset=utf-8",
            "Content-Transfer-Encoding": "8bit"}
    equal("with these fields", {k: m[k] for k in want}, want)
    check("with a date and an id of its own", m["Date"] and m["Message-ID"] and m["Message-ID"] != "<q1@client.dk>", m)
    equal("and its text", m.get_payload(), "See below, Question.\n")
    equal("it is logged", len(t.h.log.wait("responder=<info@kvt.dk>, from=<s@client.dk>, answered")), 1)
    contains("in the line of the delivery, too", t.h.log.wait("to=<info@kvt.dk>", "status=")[0], "1 answered")
    m = t.asks("an alias that leads to it answers as well", 1, to="sales@kvt.dk", mailbox="info")
    equal("from the responder's own address", m["From"], "info@kvt.dk")
    m = t.asks("so does another name of the domain", 1, to="info@kvt.org", mailbox="info")
    equal("from its first name", m["From"], "info@kvt.dk")
    t.asks("and a tag", 1, to="info+x@kvt.dk", mailbox="info")
    for i in range(4, 10):
        t.send("info@kvt.dk", "s@client.dk", message(to="info@kvt.dk"))
    t.settle()
    t.asks("the same sender is answered ten times a day, and no more", 0, to="info@kvt.dk", mailbox="info")
    equal("and was answered ten times", [i[1:] for i in index(t.h, "kvt.dk", "info.auto.db")], [["10", "s@client.dk"]])
    check("which is logged", t.h.log.wait("info@kvt.dk", "the sender was answered often enough today"))
    t.asks("others are answered still", 1, to="info@kvt.dk", sender="s2@client.dk", mailbox="info")
    t.put("info.auto", None)
    t.asks("without its file it answers nobody", 0, to="info@kvt.dk", sender="s3@client.dk", mailbox="info")


def alone(t):
    """A responder that is nobody's: its file makes the address."""
    h = t.h
    write(h.path("etc", "kvt.dk", "aliases"), ALIASES.replace("prices: price\n", ""), 0o600, t.owner)
    h.maps()
    check("without it the address is refused", h.postfix.rcpt("price@kvt.dk").startswith("550"), h.postfix.rcpt("price@kvt.dk"))
    t.put("price.auto", AUTO)
    write(h.path("etc", "kvt.dk", "aliases"), ALIASES, 0o600, t.owner)
    h.maps()
    for to in ("price@kvt.dk", "prices@kvt.dk", "price+x@kvt.dk"):
        before = h.all_mail()
        got, found = t.asked(to=to, mailbox="price")
        after = {p for p, data in h.all_mail().items() if data != before.get(p, b"") and "/.files/" not in p}
        equal(f"a responder alone answers {to}, and stores nothing", (got, [m["From"] for m in found], after),
              (0, ["price@kvt.dk"], {"spool/client.dk/all"}))
    got, found = t.asked(to="price@kvt.dk", sender="", mailbox="price", text=message(to="price@kvt.dk"))
    equal("what it does not answer is gone, and nobody hears of it", (got, len(found), h.postfix.queued()), (0, 0, set()))
    write(h.path("etc", "kvt.dk", "aliases"), ALIASES.replace("prices: price\n", ""), 0o600, t.owner)
    t.put("price.auto", None)
    h.maps()
    check("and when its file is gone it is refused again", h.postfix.rcpt("price@kvt.dk").startswith("550"), h.postfix.rcpt("price@kvt.dk"))


def vacation(t):
    t.asks("no vacation: no answer", 0)
    equal("and no line about it", t.h.log.find("vacation=<abc@kvt.dk>"), [])
    t.vacation(on=False)
    t.asks("a text without an index: no answer", 0)
    t.vacation()
    m = t.asks("an empty index turns it on", 1)
    equal("from the user, by his name", (m["From"], m["Subject"], m.get_payload()), ("abcname <abc@kvt.dk>", "Away", "Back on Monday.\n"))
    equal("to the envelope sender, by the null sender", (m["To"], m["Return-Path"]), ("s@client.dk", "<>"))
    t.asks("the same sender is answered once", 0)
    t.asks("in any case of letters", 0, sender="S@CLIENT.dk")
    check("which is logged", t.h.log.wait("abc@kvt.dk", "the sender was answered lately"))
    t.asks("another sender is answered", 1, sender="s2@client.dk")
    equal("the index holds both", [i[1:] for i in index(t.h, "kvt.dk", "abc.vacation.db")], [["1", "s@client.dk"], ["1", "s2@client.dk"]])
    now = int(time.time())
    t.put("abc.vacation.db", f"{now - 7 * 86400 + 3600} 1 s@client.dk\n{now - 7 * 86400 - 1} 1 s2@client.dk\n")
    t.asks("six days later: no answer", 0)
    t.asks("seven days later: an answer", 1, sender="s2@client.dk")
    t.vacation(conf="vacation_interval = 2\n")
    t.put("abc.vacation.db", f"{now - 2 * 86400 - 1} 1 s@client.dk\n")
    t.asks("vacation_interval is the user's", 1)
    t.put("abc.vacation.db", None)
    t.asks("removing the index turns it off", 0, sender="s4@client.dk")
    check("and it stays away", not os.path.exists(t.put("abc.vacation.db", None)))


def day(offset):
    return time.strftime("%Y-%m-%d", time.localtime(time.time() + offset * 86400))


def dates(t):
    for sentence, conf, want in (
            ("before the first day", f"vacation_start = {day(1)}\n", 0), ("on the first day", f"vacation_start = {day(0)}\n", 1),
            ("on the last day", f"vacation_end = {day(0)}\n", 1), ("after the last day", f"vacation_end = {day(-1)}\n", 0),
            ("between both", f"vacation_start = {day(-1)}\nvacation_end = {day(1)}\n", 1)):
        t.vacation(conf=conf)
        t.asks(f"{sentence}: {want} answers", want)
    check("a reason is logged: not begun", t.h.log.wait("abc@kvt.dk", "has not begun (vacation_start)"))
    check("a reason is logged: over", t.h.log.wait("abc@kvt.dk", "is over (vacation_end)"))


def texts(t):
    t.vacation("Subject: Ferie på Ærø ($SUBJECT)\nFrom: \"Jørgen Å.\" <jå@kvt.dk>\n\nx\n".replace("jå@", "j@") + "Blå: $SUBJECT\n")
    m = t.asks("UTF-8 in text and question", 1, text=message(subject="=?utf-8?Q?R=C3=B8d?= =?iso-8859-1?Q?gr=F8d?="))
    equal("is decoded and encoded again", (decoded(m["Subject"]), decoded(m["From"])), ("Ferie på Ærø (Rødgrød)", "Jørgen Å. <j@kvt.dk>"))
    equal("in the body it stands as it is", m.get_payload(decode=True).decode(), "x\nBlå: Rødgrød\n")
    check("the header is ASCII", all(ord(c) < 128 for k, v in m.items() for c in str(v)), m.items())
    t.vacation("Subject: Ferie på Ærø\n\nBlå\n".encode("latin-1"))
    m = t.asks("a file in ISO 8859-1", 1)
    equal("becomes UTF-8", (decoded(m["Subject"]), m.get_payload(decode=True).decode()), ("Ferie på Ærø", "Blå\n"))
    t.vacation("X-A: b\n\nMy own words.\n")
    m = t.asks("a text without a subject", 1)
    equal("gets the built-in one", (m["Subject"], m.get_payload()), ("I am away", "My own words.\n"))
    t.vacation()
    t.put("abc.vacation", None)
    m = t.asks("no text at all", 1)
    contains("is answered with the built-in one", m.get_payload(), "Your message to abc@kvt.dk has arrived.")
    t.vacation(conf="language = da\n")
    t.put("abc.vacation", None)
    m = t.asks("in the user's language", 1)
    equal("which may be Danish", m["Subject"], "Automatisk svar")
    t.put("xyz.auto", "X-A: b\n\nx\n")
    m = t.asks("a responder without a subject", 1, to="xyz@kvt.dk", mailbox="xyz")
    equal("answers with that of the question", m["Subject"], "Re: Question")
    t.put("xyz.auto", None)


# --- who never is ---

def never(t):
    t.vacation()
    before = len(in_mailbox(t.h, "kvt.dk", "abc")), len(in_mailbox(t.h, "client.dk", "all"))
    lines = len(t.h.log.lines)
    for sender, fields, _ in NEVER:
        t.send("abc@kvt.dk", sender, message(fields))
    t.settle()
    equal("each of them is delivered", len(in_mailbox(t.h, "kvt.dk", "abc")) - before[0], len(NEVER))
    equal("nobody is answered", len(in_mailbox(t.h, "client.dk", "all")) - before[1], 0)
    wait_for(lambda: len([l for l in t.h.log.lines[lines:] if "status=" in l]) == len(NEVER))
    equal("nobody is noted", index(t.h, "kvt.dk", "abc.vacation.db"), [])
    why = [l.partition("not answered: ")[::2] for l in t.h.log.lines[lines:] if "vacation=<abc@kvt.dk>" in l]
    for sender, fields, reason in NEVER:
        got = [r for l, r in why if f"from=<{sender}>" in l]
        equal(f"no answer to {sender or 'the null sender'} {fields!r}", [reason in r for r in got], [True])


def to_and_cc(t):
    for fields, named in OTHERS:
        t.vacation()
        t.asks(f"{'an' if named else 'no'} answer to a message with {fields!r}", int(named), text=message(fields, to=None))
    t.vacation(conf="vacation_to_all = yes\n")
    t.asks("vacation_to_all: an answer all the same", 1, text=message("To: xyz@kvt.dk", to=None))
    t.vacation()
    t.put("xyz.vacation.db", "")
    t.asks("an alias that leads to him may stand there", 1, to="help@kvt.dk", mailbox="xyz")
    t.put("xyz.vacation.db", None)


def filtered(t):
    """What his filter makes of a message counts, too."""
    h = t.h
    marking = write(h.path("marking"), "#!/bin/sh\necho 'X-Spam-Flag: YES'\nexec cat\n", 0o755)
    plain = write(h.path("plain"), "#!/bin/sh\nexec cat\n", 0o755)
    t.vacation(conf=f"filter = {marking}\n")
    t.put("abc.auto", AUTO)
    t.asks("what a filter marks as spam is stored and not answered", 0)
    check("for the vacation and the responder alike", len(h.log.wait("=<abc@kvt.dk>, from=<s@client.dk>, not answered: it is marked as spam")) == 2, h.log.lines[-5:])
    t.put("abc.auto", None)
    t.asks("other mail is not answered either, as he has the filter for all", 0, sender="s2@client.dk")
    t.vacation(conf=f"filter = {plain}\n")
    t.asks("what a filter leaves as it is is answered", 1)
    t.vacation(conf="filter = /bin/true\n")
    got, found = t.asked()
    equal("what a filter drops is neither stored nor answered", (got, len(found)), (0, 0))
    t.vacation(conf="message_size = 10\n")
    got, found = t.asked(sender="s3@client.dk")
    equal("what is refused bounces, and is not answered", (got, len(found), [m["Subject"] for m in in_mailbox(h, "client.dk", "all")][-1]),
          (0, 0, "Undelivered Mail Returned to Sender"))


# --- loops ---

def facing(t):
    """Two of ours, in two domains: at most one answer in all."""
    h = t.h
    for kind, ours, theirs in (("responders", "abc.auto", "all.auto"), ("vacations", "abc.vacation", "all.vacation")):
        t.vacation(on=False)
        t.conf("abc", "vacation_to_all = yes\n")
        write(h.path("etc", "client.dk", "domain.conf"), "fallback = all\nvacation_to_all = yes\n", 0o600, t.client)
        t.put(ours, AWAY)
        put(h, t.client, "client.dk", theirs, AWAY)
        if kind == "vacations":
            t.put(ours + ".db", "")
            put(h, t.client, "client.dk", theirs + ".db", "")
        before = len(answers(h, "client.dk", "all")), len(answers(h, "kvt.dk", "abc"))
        t.send("all@client.dk", "abc@kvt.dk", message(to="all@client.dk"))
        t.send("abc@kvt.dk", "all@client.dk", message(to="abc@kvt.dk"))
        t.settle()
        got = len(answers(h, "client.dk", "all")) - before[0], len(answers(h, "kvt.dk", "abc")) - before[1]
        equal(f"two {kind} that face each other: one answer to each question", got, (1, 1))
        for name in (ours, ours + ".db"):
            t.put(name, None)
        for name in (theirs, theirs + ".db"):
            put(h, t.client, "client.dk", name, None)
    write(h.path("etc", "client.dk", "domain.conf"), "fallback = all\n", 0o600, t.client)


def bad_machine(t):
    """Another's responder, which breaks every rule: by its envelope sender, without a mark, and to what it gets."""
    h = t.h
    program = write(h.path("machine"), "#!/bin/sh\nprintf 'To: info@kvt.dk\\nSubject: no\\n\\nx\\n' | "
                    "/usr/sbin/sendmail -i -f loop@client.dk -- info@kvt.dk\n", 0o755)
    write(h.path("etc", "client.dk", "aliases"), f'loop: "|{program}"\n', 0o600, t.client)
    h.maps()
    t.put("info.auto", AUTO)
    t.put("info.auto.db", None)
    before = len(in_mailbox(h, "kvt.dk", "info"))
    t.send("info@kvt.dk", "loop@client.dk", message(to="info@kvt.dk"))
    t.settle()
    equal("a loop with a machine that knows no rules ends", [i[1:] for i in index(h, "kvt.dk", "info.auto.db")], [["10", "loop@client.dk"]])
    equal("after ten rounds", len(in_mailbox(h, "kvt.dk", "info")) - before, 11)
    t.put("info.auto", None)


# --- what is wrong with the files ---

def damaged(t):
    h = t.h
    lines = len(h.log.lines)

    def no_answer(sentence, says):
        nonlocal lines
        t.asks(f"{sentence}: delivered, and not answered", 0)
        wait_for(lambda: any("status=" in l for l in h.log.lines[lines:]))  # the last one
        got = [l for l in h.log.lines[lines:] if "vacation=<abc@kvt.dk>" in l]
        check(f"{sentence}: one line says so", len(got) == 1 and says in got[0], got)
        lines = len(h.log.lines)

    for sentence, text, says in (("a text with a NUL", b"Subject: a\0b\n\nx\n", "has a NUL in it"), ("a text without a header", "I am away.\n", "line 1: no field"),
                                 ("an empty text", "", "no header"), ("a text of more than 64 KiB", "Subject: s\n\n" + "x" * 65536, "larger than")):
        t.vacation(text)
        lines = len(h.log.lines)
        no_answer(sentence, says)
    t.vacation()
    os.chown(t.put("abc.vacation", AWAY, 0o644), t.client.pw_uid, t.client.pw_gid)
    lines = len(h.log.lines)
    no_answer("a text of another account", "belongs to uid")
    t.vacation()
    t.put("abc.vacation", None)
    secret = write(h.path("secret"), "Subject: secret\n\nx\n", 0o644, t.client)
    os.symlink(secret, t.put("abc.vacation", None))
    no_answer("a text that is a symlink to another's", "belongs to uid")
    for sentence, text, mode, says in (("garbage", "SQLite format 3\0\n", 0o600, "line 1"), ("torn", "1795000000 1 s@cl", 0o600, "line 1"),
                                       ("huge", "1 1 a@b.c\n" * 200000, 0o600, "larger than"), ("writable by others", "", 0o666, "chmod")):
        t.vacation()
        path = t.put("abc.vacation.db", text, mode)
        lines = len(h.log.lines)
        no_answer(f"an index that is {sentence}", says)
        equal(f"an index that is {sentence} stays as it is", read(path), text.encode())
    t.vacation()
    os.chown(t.put("abc.vacation.db", ""), 0, 0)
    lines = len(h.log.lines)
    no_answer("an index that may not be read", "Permission denied")
    t.put("abc.vacation.db", None)
    os.mkdir(t.put("abc.vacation.db", None), 0o700)
    lines = len(h.log.lines)
    no_answer("an index that is a folder", "abc.vacation.db")
    os.rmdir(os.path.join(h.spool, "kvt.dk", ".files", "abc.vacation.db"))
    t.vacation()
    os.chown(t.put("abc.vacation.db", "", 0o644), 0, 0)
    t.asks("an index that root made is as good as another", 1)


def full_disk(t):
    h = t.h
    t.vacation()
    files = os.path.join(h.spool, "kvt.dk", ".files")
    must(["/usr/bin/mv", files, files + ".away"])
    small_disk(files, "64k", t.owner, 0o700)
    must(["/usr/bin/cp", "-a", files + ".away/.", files])
    # A page for the lock, and no other.
    write(os.path.join(files, ".answered.lock"), "", 0o600, t.owner)
    try:
        with open(os.path.join(files, "fill"), "wb") as f:
            while True:
                f.write(b"x" * 4096)
                f.flush()
    except OSError:
        pass
    t.asks("a full disk below the index: delivered, and not answered", 0)
    check("which is logged", t.h.log.wait("vacation=<abc@kvt.dk>", "No space left"))
    equal("the index is as it was", read(os.path.join(files, "abc.vacation.db")), b"")
    os.unlink(os.path.join(files, "fill"))
    t.asks("with room again it is answered", 1)
    must(["/usr/bin/umount", files])
    must(["/usr/bin/rmdir", files])
    must(["/usr/bin/mv", files + ".away", files])


def at_home(t):
    h = t.h
    home = os.path.join(t.owner.pw_dir, "of_abc")
    os.mkdir(home, 0o700)
    os.chown(home, t.owner.pw_uid, t.owner.pw_gid)
    passwd = h.path("etc", "kvt.dk", "passwd")
    text = read(passwd).decode()
    write(passwd, text.replace("abcname:.:", f"abcname:{home}:"), 0o600, t.owner)
    t.vacation(on=False)
    t.put("abc.vacation", None)
    write(os.path.join(home, ".vacation"), "Subject: From home\n\nx\n", 0o600, t.owner)
    write(os.path.join(home, ".vacation.db"), "", 0o600, t.owner)
    _, got = t.asked()
    equal("a vacation in a user's own home", [m["Subject"] for m in got], ["From home"])
    check("its index is kept there", b"s@client.dk" in read(os.path.join(home, ".vacation.db")))
    write(passwd, text.replace("abcname:.:", f"abcname:{home}:").replace("xyzname:.:", f"xyzname:{home}:"), 0o600, t.owner)
    _, got = t.asked(sender="s2@client.dk")
    equal("a home that another has too is nobody's own", len(got), 0)
    write(passwd, text, 0o600, t.owner)


def main():
    t = Test()
    for part in (responder, alone, vacation, dates, texts, never, to_and_cc, filtered, facing, bad_machine, damaged, full_disk, at_home):
        part(t)
    done()


main()
