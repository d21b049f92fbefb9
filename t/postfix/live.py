#!/usr/bin/python3
"""The administrator's commands while Postfix runs: what they change is true at once, in SMTP sessions that were
open before, without a reload; and meanwhile no real user is ever refused and no unknown one accepted.
"""
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import smtp  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402
from house import House, messages  # noqa: E402

MANY = 60  # changes made while a client asks


class Session:
    """An SMTP session that stays open and asks about recipients."""

    def __init__(self, port):
        self.dialogue = smtp.Dialogue(port)
        self.dialogue.command("MAIL FROM:<s@example.org>")

    def asks(self, recipient):
        return self.dialogue.command(f"RCPT TO:<{recipient}>")[:9].strip()

    def close(self):
        self.dialogue.close()


def one_command_each(h, session):
    """Each command, and what the open session hears of it."""
    other = h.account("other")
    steps = [
        (("user", "add", "new@kvt.dk", "--random"), "new@kvt.dk", "550 5.1.1", "250 2.1.5"),
        (("user", "disable", "new@kvt.dk"), "new@kvt.dk", "250 2.1.5", "550 5.1.1"),
        (("user", "enable", "new@kvt.dk"), "new@kvt.dk", "550 5.1.1", "250 2.1.5"),
        (("user", "rename", "new@kvt.dk", "newer@kvt.dk"), "newer@kvt.dk", "550 5.1.1", "250 2.1.5"),
        (("user", "delete", "newer@kvt.dk", "--yes"), "newer@kvt.dk", "250 2.1.5", "550 5.1.1"),
        (("domain", "add", "late.dk", "--account", other.pw_name), "postmaster@late.dk", None, "250 2.1.5"),
        (("user", "add", "me@late.dk", "--random"), "me@late.dk", "550 5.1.1", "250 2.1.5"),
        # smtpd remembers of which kind an address is that it was asked about: a fresh one
        (("domain", "delete", "late.dk", "--yes"), "fresh@late.dk", None, "454 4.7.1"),
    ]
    for argv, recipient, before, after in steps:
        words = " ".join(argv).replace(other.pw_name, "ACCOUNT")
        if before:
            equal(f"before `{words}` {recipient} gets {before}", session.asks(recipient), before)
        r = h.admin(*argv)
        check(f"`{words}` works", r.returncode == 0, r)
        equal(f"after it, in the same session, {recipient} gets {after}", session.asks(recipient), after)
    equal("the old name of a renamed user is refused", session.asks("new@kvt.dk"), "550 5.1.1")


def mail_follows(h):
    """Mail for a user: stored; after a rename the old mail is in the new mailbox; a deleted user's mail is put away."""
    def send(recipient, mark):
        h.postfix.send(recipient, f"Subject: {mark}\n\nx\n".encode())
        h.postfix.wait_empty()
    h.must_admin("user", "add", "walter@kvt.dk", "--random")
    send("walter@kvt.dk", "one")
    contains("mail for a new user is stored", h.mailbox("kvt.dk", "walter"), b"\nSubject: one\n")
    h.must_admin("user", "rename", "walter@kvt.dk", "walt@kvt.dk")
    send("walt@kvt.dk", "two")
    box = h.mailbox("kvt.dk", "walt")
    equal("a renamed user keeps the mail and gets more", [b"Subject: one" in box, b"Subject: two" in box, len(messages(box))], [True, True, 2])
    equal("nothing stays under the old name", h.mailbox("kvt.dk", "walter"), b"")
    h.must_admin("user", "delete", "walt@kvt.dk", "--yes")
    equal("a deleted user's mailbox is gone", h.mailbox("kvt.dk", "walt"), b"")
    h.must_admin("user", "add", "walt@kvt.dk", "--random")
    send("walt@kvt.dk", "three")
    equal("who gets the name later sees none of it", len(messages(h.mailbox("kvt.dk", "walt"))), 1)


def changes_under_load(h):
    """Many changes, and full rebuilds between them, while a client asks for a real and for an unknown user."""
    wrong, asked, stop = [], [0], threading.Event()

    def client():
        session = Session(h.postfix.port)
        while not stop.is_set():
            for recipient, want in (("abc@kvt.dk", "250 2.1.5"), ("nosuch@kvt.dk", "550 5.1.1"), ("abc@second.dk", "250 2.1.5")):
                got = session.asks(recipient)
                asked[0] += 1
                if got != want:
                    wrong.append((recipient, got))
            if asked[0] % 15 == 0:
                session.close()
                session = Session(h.postfix.port)
        session.close()

    threads = [threading.Thread(target=client) for _ in range(2)]
    for t in threads:
        t.start()
    failed = []
    for n in range(MANY):
        commands = [("user", "add", f"u{n}@kvt.dk", "--random")]
        if n % 3 == 0:
            commands.append(("user", "delete", f"u{n}@kvt.dk", "--yes"))
        failed += [c for c in commands if h.admin(*c).returncode != 0]
        if n % 5 == 0:
            h.maps()
    time.sleep(0.2)
    stop.set()
    for t in threads:
        t.join()
    equal(f"{MANY} changes under load work", failed, [])
    check("the clients asked often meanwhile", asked[0] > 300, asked)
    equal("no real user was refused, no unknown one accepted", wrong[:5], [])
    session = Session(h.postfix.port)
    left = [n for n in range(MANY) if session.asks(f"u{n}@kvt.dk").startswith("250") != (n % 3 != 0)]
    session.close()
    equal("in the end every user stands as it should", left, [])


def main():
    h = House("smtpd_error_sleep_time = 0\nsmtpd_hard_error_limit = 100000\nsmtpd_soft_error_limit = 100000\n")
    a, b = h.account("a"), h.account("b")
    h.must_admin("setup", "--yes")
    h.start()
    for domain, account in (("kvt.dk", a), ("second.dk", b)):
        h.must_admin("domain", "add", domain, "--account", account.pw_name)
        h.must_admin("user", "add", f"abc@{domain}", "--random")
    session = Session(h.postfix.port)
    equal("a real user is accepted", session.asks("abc@kvt.dk"), "250 2.1.5")
    one_command_each(h, session)
    session.close()
    mail_follows(h)
    changes_under_load(h)
    equal("nothing bounced", h.postfix.log_lines("status=bounced"), [])
    done()


main()
