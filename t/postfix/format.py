#!/usr/bin/python3
"""What stands in a mailbox after a real Postfix delivered to it: the lines on top, quoting, odd senders, 8-bit."""
import mailbox
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, contains, done, equal  # noqa: E402
from house import House, messages, top_lines  # noqa: E402

BODY = (b"From the start\n>From quoted once\n>>From twice\n From indented\nfrom small\nFrom: no\n"
        b"From \n.\n..dots\n\nFrom  two spaces\n\n\n")
QUOTED = re.sub(rb"(?m)^(>*From )", rb">\1", BODY)
FROM_LINE = re.compile(r"From (\S+) (Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d 20\d\d$")
UTF8 = "blåbær".encode()


def deliver(h, recipient, headers, body=b"body\n", **how):
    """Send one message and give back the replies and what stands newly in the mailbox of abc (or all)."""
    user = ("catch.dk", "all") if recipient.endswith(b"@catch.dk") else ("kvt.dk", "abc")
    before = h.mailbox(*user)
    rcpt, last, _ = h.postfix.send(recipient, headers + b"\n" + body, **how)
    h.postfix.wait_empty()
    after = h.mailbox(*user)
    check(f"{recipient!r}: what was there before still is", after.startswith(before))
    return rcpt[0], last, messages(after[len(before):])


def plain_message(h):
    headers = b"Subject: quoting\nMessage-ID: <q@example.org>\nStatus: RO\nDelivered-To: somebody@else.example\n"
    _, last, new = deliver(h, b"abc+tag@kvt.dk", headers, BODY)
    check("a message with From lines is taken", last.startswith("250"), last)
    equal("one message more", len(new), 1)
    text = new[0]
    top = top_lines(text)
    check("first a From_ line with sender and date", FROM_LINE.match(top[0]) and " s@example.org " in top[0], top[0])
    equal("then three lines of ours, with the recipient as it came", top[1:],
          ["Return-Path: <s@example.org>", "X-Original-To: abc+tag@kvt.dk", "Delivered-To: abc+tag@kvt.dk"])
    check("one Return-Path", text.count(b"\nReturn-Path:") == 1, text)
    check("an older Delivered-To stays", b"\nDelivered-To: somebody@else.example\n" in text, text)
    check("the account's address does not show", b"virtual.invalid" not in text, text)
    equal("the body, every From line quoted once more", text.partition(b"\n\n")[2], QUOTED)
    read_by_python(h)


def read_by_python(h):
    """Another reader of mbox sees one message, and its body, unquoted, is the one that was sent."""
    box = mailbox.mbox(os.path.join(h.spool, "kvt.dk", "abc"), create=False)
    equal("Python's mailbox counts one message", len(box), 1)
    got = box.get_bytes(0).partition(b"\n\n")[2]
    equal("its body, unquoted, is what was sent", re.sub(rb"(?m)^>(>*From )", rb"\1", got), BODY)
    box.close()


def null_sender(h):
    _, _, new = deliver(h, b"abc@kvt.dk", b"Subject: a report\nFrom: MAILER-DAEMON@x.example\n", sender="")
    equal("a null sender: one message", len(new), 1)
    check("From MAILER-DAEMON", new[0].startswith(b"From MAILER-DAEMON "), new[0][:60])
    equal("Return-Path: <>", top_lines(new[0])[1], "Return-Path: <>")


def eight_bit(h):
    body = b"latin \xe5\xe6\xf8, utf-8 " + UTF8 + b", control \x01\x7f\n"
    _, _, new = deliver(h, b"abc@kvt.dk", b"Subject: raw \xe5\n", body, mail_options="BODY=8BITMIME")
    equal("8-bit: one message", len(new), 1)
    contains("8-bit bytes of a header stay", new[0], b"\nSubject: raw \xe5\n")
    equal("8-bit bytes of a body stay", new[0].partition(b"\n\n")[2], body)


def smtputf8(h):
    sender = "sø@example.org"
    _, _, new = deliver(h, b"abc@kvt.dk", b"Subject: " + UTF8 + b"\n", sender=sender, mail_options="SMTPUTF8")
    equal("a UTF-8 sender: one message", len(new), 1)
    equal("its Return-Path", top_lines(new[0])[1].encode(errors="surrogateescape"), b"Return-Path: <" + sender.encode() + b">")
    check("its From_ line names it", new[0].startswith(b"From " + sender.encode() + b" "), new[0][:60])
    answer, _, new = deliver(h, UTF8 + b"@kvt.dk", b"Subject: x\n", mail_options="SMTPUTF8")
    check("an unknown UTF-8 name is refused with 550 5.1.1", answer.startswith("550 5.1.1"), answer)
    equal("and reaches nobody", new, [])
    for option in ("SMTPUTF8", ""):
        way = "with SMTPUTF8" if option else "as raw 8-bit bytes"
        answer, _, new = deliver(h, UTF8 + b"@catch.dk", b"Subject: x\n", mail_options=option)
        check(f"a UTF-8 name {way} reaches the catch-all", answer.startswith("250") and len(new) == 1, answer)
        top = "\n".join(top_lines(new[0])).encode(errors="surrogateescape") if new else b""
        contains(f"{way}: X-Original-To has its bytes", top, b"\nX-Original-To: " + UTF8 + b"@catch.dk")
        contains(f"{way}: Delivered-To too", top, b"\nDelivered-To: " + UTF8 + b"@catch.dk")


def sizes(h):
    for size in (0, 1, 998, 4096, 70000, 1200000):
        line = b"0123456789abcde\n"
        body = (line * (size // len(line) + 1))[:size]
        want = body if not body or body.endswith(b"\n") else body + b"\n"
        _, _, new = deliver(h, b"abc@kvt.dk", b"Subject: size\n", body)
        equal(f"{size} bytes: one message", len(new), 1)
        check(f"{size} bytes: whole", new and new[0].partition(b"\n\n")[2] == want, len(new and new[0]))


def log_line(h):
    """One line to syslog for a delivery, with what an administrator searches for."""
    _, last, _ = deliver(h, b"abc@kvt.dk", b"Subject: log\nMessage-ID: <log-line@example.org>\n", sender="logged@example.org")
    queue_id = last.rpartition(" ")[2]
    lines = h.log.wait("log-line@example.org")
    equal("one log line for a delivery", len(lines), 1)
    line = lines[0] if lines else ""
    check("of facility mail", re.match(r"<(1[6-9]|2[0-3])>", line), line)
    for what, part in (("queue id", queue_id), ("message-id", "log-line@example.org"), ("recipient", "abc@kvt.dk"),
                       ("mailbox", f"{h.spool}/kvt.dk/abc"), ("sender", "logged@example.org")):
        contains(f"the log line has the {what}", line, part)
    check("the log line has the milliseconds", re.search(r"\d ?ms\b|ms=\d", line), line)


def loop(h):
    """A message that has been in this mailbox is refused for good: it would go round for ever."""
    answer, _, new = deliver(h, b"abc@kvt.dk", b"Delivered-To: abc@kvt.dk\nSubject: loop\n")
    equal("a looping message is not stored", new, [])
    lines = h.postfix.wait_log("dsn=5.4.6", "status=bounced")
    equal("it bounces once, with 5.4.6", len(lines), 1)
    check("it was taken at RCPT", answer.startswith("250"), answer)


def main():
    h = House("smtputf8_enable = yes\nstrict_8bitmime = no\nmessage_size_limit = 0\n")
    a = h.account("a")
    h.domain("kvt.dk", a, {"abc": "."})
    h.domain("catch.dk", a, {"all": "."}, fallback="all")
    h.forward(a, "abc", "kvt.dk")
    h.use_samples()
    h.maps()
    h.start()
    for part in (plain_message, null_sender, eight_bit, smtputf8, sizes, log_line, loop):
        part(h)
    done()


main()
