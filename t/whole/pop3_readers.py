#!/usr/bin/python3
"""After every kind of POP3 session a mailbox is read by Python's mailbox and by Dovecot as before, less what was deleted;
one that is no mbox by anybody's rules is served, and stays byte for byte as it was but for what was deleted.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import pop3d  # noqa: E402
from pop3 import mbox, plain  # noqa: E402
from pop3trial import Trials, cut, dele, maildir, raw  # noqa: E402
from readers import by_dovecot, python_texts  # noqa: E402
from tap import check, done, equal  # noqa: E402

SENDER = b"From s@example.org Fri Nov 20 09:56:12 2026\n"
# What has fooled a reader somewhere; the messages that follow are what they seem.
MIXED = b"".join(SENDER + m + b"\n" for m in (
    b"Subject: plain\n\nhello\n", b"Subject: quoted\n\n>From here\n>>From there\n\n", b"Subject: dots\n\n.\n..\n. .\n",
    b"Subject: crlf\r\nX: y\r\n\r\none\r\ntwo\r\n", b"Subject: nul\n\na\0b\n", b"Subject: read before\nStatus: RO\n\nold\n",
    b"Subject: new\nX-Status: A\nStatus: O\nTo: a\n\nstatus in the middle\n", b"Subject: no body\n\n", b"Content-Length: 3\n\nlonger than that\n",
    b"Subject: folded\n\tStatus: none\nTo: b\n\nx\n", b"Subject: last\n\nlong " + b"z" * 9000 + b"\n"))
COUNT = len(cut(MIXED))

# name, commands, which messages are gone, write_status, is QUIT said
SESSIONS = [
    ("nothing", [], [], False, True), ("everything fetched", [f"RETR {n}" for n in range(1, COUNT + 1)], [], False, True),
    ("TOP, UIDL and LIST", ["TOP 1 0", "UIDL", "LIST"], [], False, True), ("one deleted", ["DELE 2"], [2], False, True),
    ("some fetched, some deleted", ["RETR 4", *dele([1, 4, 7])], [1, 4, 7], False, True), ("all deleted", dele(range(1, COUNT + 1)), range(1, COUNT + 1), False, True),
    ("the last deleted", dele([COUNT]), [COUNT], False, True), ("deleted, and taken back", [*dele([1, 2]), "RSET"], [], False, True),
    ("deleted, and gone without QUIT", dele([1, 2]), [], False, False),
    ("everything noted as read", [f"RETR {n}" for n in range(1, COUNT + 1)], [], True, True),
    ("noted as read, and deleted", ["RETR 1", "RETR 3", "RETR 7", *dele([3, 5])], [3, 5], True, True),
]


def without_status(text):
    head, empty, body = text.replace(b"\r\n", b"\n").partition(b"\n\n")
    return re.sub(rb"(?m)^Status:.*(\n|\Z)", b"", head + b"\n") + empty + body.rstrip(b"\n")


def read(path, status):
    """What the readers see: [(name, messages)]; status: what they see in Status lines is left aside."""
    found = [("Python's mailbox", python_texts(path)), ("Dovecot", by_dovecot(path, "text"))]
    return [(who, [without_status(t) if status else t.replace(b"\r\n", b"\n").rstrip(b"\n") for t in texts]) for who, texts in found]


def session(t, box, commands, says_quit):
    s = pop3d.Session(t, f"{box.user}@{agent.DOMAIN}")
    if not s.login.startswith(b"+OK"):
        return s.login
    for c in commands:
        many = c.startswith(("RETR", "TOP")) or c in ("UIDL", "LIST")
        answer = s.client.ask_lines(c)[0] if many else s.client.ask(c)
        if not answer.startswith(b"+OK"):
            return c.encode() + answer
    if says_quit:
        return s.quit()
    s.client.reset()
    return b"+OK gone" if s.wait() >= 0 else b"killed"


def kinds(t, make, what):
    for name, commands, gone, status, says_quit in SESSIONS:
        box = t.boxes([f"u{next(t.numbers)}"])[0]
        t.configure(write_status="yes" if status else "no")
        make(box, MIXED)
        before, bytes_before = read(box.path, status), raw(box.path)
        answer = session(t, box, commands, says_quit)
        check(f"{what}, {name}: +OK", answer.startswith(b"+OK"), answer)
        for (who, was), (_, now) in zip(before, read(box.path, status)):
            want = [m for n, m in enumerate(was, 1) if n not in gone]
            check(f"{what}, {name}: {who} reads what is left as before", now == want and len(was) == COUNT,
                  next((f"{a!r} was {b!r}" for a, b in zip(now, want) if a != b), f"{len(now)} messages, {len(want)} wanted"))
        if not status or os.path.isdir(box.path):
            equal(f"{what}, {name}: and it is the same to the byte", raw(box.path), [m for n, m in enumerate(bytes_before, 1) if n not in gone])
        equal(f"{what}, {name}: nothing is left over", box.litter(), [])


ODD = [("no From_ line at all", b"hello\nworld\n"), ("one byte", b"x"), ("one newline", b"\n"), ("a From_ line alone", SENDER), ("`From ` alone", b"From "),
       ("NULs alone", bytes(5000)), ("all bytes", bytes(range(256)) * 40), ("empty lines, then a message", b"\n\n" + mbox(1, 500)),
       ("text, then two messages", b"lost\n\n" + mbox(2, 500)), ("no newline at the end", mbox(2, 500)[:-2] + b"torn"),
       ("a torn From_ line at the end", mbox(2, 500) + b"From s@exam"), ("CRLF everywhere", mbox(2, 500).replace(b"\n", b"\r\n")),
       ("one line of 300 kB", b"From x\n\n" + b"y" * 300_000), ("NULs between two messages", mbox(1, 500) + bytes(999) + b"\n\n" + mbox(1, 500, 2)),
       ("a gzip file", b"\x1f\x8b\x08\0" + os.urandom(3000)), ("mbx of UW imapd", b"*mbx*\r\n" + b"0" * 2041 + mbox(1, 300))]


def odd(t):
    """It is served; nothing changes but what was deleted, which is one piece."""
    t.configure()
    for what, data in ODD:
        box = t.boxes([f"u{next(t.numbers)}"])[0]
        box.put(data)
        s = pop3d.Session(t, f"{box.user}@{agent.DOMAIN}")
        count = s.client.count()[0]
        for n in range(1, count + 1):
            s.client.retrieve(n)
        answer = s.quit()
        check(f"{what}: {count} messages are served, and it stays as it was", (count > 0 or not data.strip()) and answer.startswith(b"+OK") and box.bytes() == data, (answer, count))
        if not count:
            continue
        s = pop3d.Session(t, f"{box.user}@{agent.DOMAIN}")
        last = plain(s.client.ask_lines(f"RETR {count}")[1])
        s.client.ask("DELE 1")
        answer, got = s.quit(), box.bytes()
        check(f"{what}, the first deleted: the rest is to the byte what it was", answer.startswith(b"+OK") and data.endswith(got) and
              bool(got) == (count > 1), (answer, len(got)))
        if count > 1:
            s = pop3d.Session(t, f"{box.user}@{agent.DOMAIN}")
            equal(f"{what}, the first deleted: the others are served as before", (s.client.count()[0], plain(s.client.ask_lines(f"RETR {count - 1}")[1])),
                  (count - 1, last))
            s.quit()


def unwritable(t):
    """The account cannot write it, or not read it: refused, and as it was."""
    for mode in (0o400, 0o200, 0o000):
        box = t.boxes([f"u{next(t.numbers)}"])[0]
        box.put(MIXED)
        os.chmod(box.path, mode)
        s = pop3d.Session(t, f"{box.user}@{agent.DOMAIN}")
        check(f"a mailbox of mode {mode:03o}: -ERR [SYS/TEMP], and the session ends", s.login.startswith(b"-ERR [SYS/TEMP]") and s.client.ended(), s.login)
        s.wait()
        equal(f"a mailbox of mode {mode:03o}: as it was", (box.bytes(), os.stat(box.path).st_mode & 0o777, box.litter()), (MIXED, mode, []))


def main():
    t = Trials()
    kinds(t, lambda box, data: box.put(data), "mbox")
    kinds(t, maildir, "Maildir")
    odd(t)
    unwritable(t)
    done()


main()
