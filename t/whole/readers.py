#!/usr/bin/python3
"""What virtual-deliver writes is read back by mail programs that nobody here wrote: Python's mailbox, Dovecot, GNU
mailutils and its pop3d count the same messages and find the same bodies, whatever stands in them. Python's mailbox and
Dovecot do so in a Maildir too, and after a mailbox was converted there and back.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402
from house import House  # noqa: E402
from readers import READERS, by_dovecot, by_python, python_texts  # noqa: E402

SENDER_LINE = b"From s@example.org Fri Nov 20 09:56:12 2026\n"  # what a reader takes for a new message


def at_edge(offset, line=SENDER_LINE):
    """A body in which `line` begins exactly at `offset`."""
    filler = b"x" * 63 + b"\n"
    body = filler * (offset // 64)
    rest = offset - len(body)
    return body + (b"y" * (rest - 1) + b"\n" if rest else b"") + line + b"end\n"


def bodies():
    """(description, body) of everything that has fooled a reader somewhere."""
    found = [("a plain one", b"hello\n"), ("an empty one", b""), ("one newline", b"\n"), ("three newlines", b"\n\n\n"),
             ("no newline at the end", b"no end"), ("an empty line, then no newline", b"x\n\nno end"),
             ("8-bit bytes", bytes(range(128, 256)) + b"\n"), ("a long line", b"z" * 20000 + b"\n"),
             ("lines that end in CR LF", b"one\r\ntwo\r\n"), ("a lone CR", b"one\rtwo\n"),
             ("a dot alone", b".\n..\n"), ("something like a header", b"From: x\nSubject: y\n\nz\n"),
             ("a Content-Length", b"Content-Length: 3\n\nFrom x\n"), ("NULs", b"a\0b\n\0\n"), ("a NUL at the end", b"a\0"),
             ("a NUL before a From line", b"a\n\n\0" + SENDER_LINE)]
    for before in (b"", b"\n", b"\n\n", b"text\n", b"text\n\n", b"\r\n", b"text\r\n\r\n"):
        for line in (SENDER_LINE, b"From \n", b"From x\n", b">From x\n", b">>>From x\n", b"From x"):
            found.append((f"{line!r} behind {before!r}", before + line))
    for line in (b"from x\n", b" From x\n", b"FROM x\n", b"Fromage\n", b"From\n", b"From\tx\n", b"> From x\n", b"\rFrom x\n"):
        found.append((f"{line!r}, which is none", b"a\n\n" + line))
    for edge in (4096, 8192, 16384, 32768, 65536, 131072):
        found += [(f"a From line at byte {edge + d}", at_edge(edge + d)) for d in range(-6, 3)]
    return found


def headers(number):
    return f"Subject: number {number}\nMessage-ID: <{number}@example.org>\n\n".encode()


def as_stored(body):
    """What a body is once it is in an mbox: it ends with a newline."""
    return body if not body or body.endswith(b"\n") else body + b"\n"


def unquote(body):
    return re.sub(rb"(?m)^>(>*From )", rb"\1", body)


def without_empty_end(body):
    """Readers differ in whether the empty line that ends a message belongs to it."""
    return body.replace(b"\r\n", b"\n").rstrip(b"\r\n")


# messages that lack a part; what their body is
ODD = [("an empty message", b"", b""), ("one byte", b"x", b"x"), ("one newline", b"\n", b""), ("a header alone", b"Subject: x\n", b""),
       ("a header without a newline", b"Subject: x", b""), ("a header and its empty line", b"Subject: x\n\n", b""),
       ("a body alone", b"\nbody\n", b"body\n"), ("a text that is no header", b"hello\nworld\n", b"hello\nworld\n"),
       ("a From line on top", SENDER_LINE + b"Subject: x\n\nbody\n", SENDER_LINE + b"Subject: x\n\nbody\n"),
       ("a NUL in the header", b"A: \0\nB: c\n\nbody\n", b"body\n")]


def compare(reader, got, want, quoted):
    """One test line for each kind of body."""
    equal(f"{reader} counts {len(want)} messages", len(got), len(want))
    for n, (what, body) in enumerate(want):
        seen = got[n].replace(b"\r\n", b"\n") if n < len(got) else b"(no such message)"
        seen = without_empty_end(unquote(seen) if quoted else seen)
        check(f"{reader} reads the body with {what}", seen == without_empty_end(body),
              f"got:  {seen[-80:]!r}\nwant: {body[-80:]!r}")


def put_odd(h, account, user):
    """Without the Received that hand_over() puts on top."""
    for what, message, _ in ODD:
        top = (b"From s@x  Fri Nov 20 10:00:00 2026\nReturn-Path: <s@x>\nX-Original-To: odd@kvt.dk\n"
               b"Delivered-To: x+%s--kvt.dk@virtual.invalid\n" % user.encode())
        r = scratch.run([*h.deliver.split(), f"{user}@kvt.dk"], data=top + message, env={"HOME": account.pw_dir}, user=account.pw_uid,
                        group=account.pw_gid, extra_groups=[])
        equal(f"stored for {user}: {what}", (r.returncode, r.stdout), (0, b""))


def odd_messages(h, account):
    wanted = [(what, body) for what, _, body in ODD]
    put_odd(h, account, "odd")
    put_odd(h, account, "odddir")
    for name, reader, quoted in READERS:
        compare(name, reader(os.path.join(h.spool, "kvt.dk", "odd")), wanted, quoted)
    for name, reader in MAILDIR_READERS:
        compare(f"{name}, in a Maildir,", reader(os.path.join(h.spool, "kvt.dk", "odddir")), wanted, False)


MAILDIR_READERS = [("Python's mailbox", by_python), ("Dovecot", by_dovecot)]


def put_all(h, account, user, wanted):
    bad = []
    for number, (what, body) in enumerate(wanted):
        r = h.hand_over(account, f"{user}@kvt.dk", headers(number) + body, queue_id=f"{number + 0x4AB00000:X}")
        bad += [] if (r.returncode, r.stdout) == (0, b"") else [(what, r.returncode, r.stdout)]
    equal(f"{len(wanted)} bodies are stored for {user}", bad, [])


def in_a_maildir(h, account, wanted):
    """There is nothing to be undone there."""
    path = os.path.join(h.spool, "kvt.dk", "dir")
    put_all(h, account, "dir", wanted)
    equal("in a Maildir nothing was added or lost but the newline at an end", by_python(path), [as_stored(b) for _, b in wanted])
    for name, reader in MAILDIR_READERS:
        compare(f"{name}, in a Maildir,", reader(path), wanted, False)


def convert(h, format_):
    r = h.admin("mailbox", "convert", "abc@kvt.dk", format_)
    check(f"the mailbox is converted: {format_}", r.returncode == 0 and b"120 messages" in r.stderr, r)


def converted(h, wanted):
    """To a Maildir and back: whole messages, header and all, and the mbox byte for byte."""
    path = os.path.join(h.spool, "kvt.dk", "abc")
    before, texts = scratch.read(path), [unquote(t) for t in python_texts(path)]
    convert(h, "maildir")
    equal("Python finds every whole message in the Maildir, in its order", python_texts(path), texts)
    compare("Dovecot, in the Maildir that was an mbox,", by_dovecot(path), wanted, False)
    convert(h, "mbox")
    equal("it comes back byte for byte", scratch.read(path), before)


def main():
    h = House()
    account = h.account("a")
    h.domain("kvt.dk", account, {u: "." for u in ("abc", "dir", "odd", "odddir")})
    folder = os.path.join(h.etc, "kvt.dk", "users")
    os.mkdir(folder, 0o700)
    os.chown(folder, account.pw_uid, account.pw_gid)
    for user in ("dir", "odddir"):
        scratch.write(os.path.join(folder, user), "mailbox_format = maildir\n", 0o600, account)
    wanted = bodies()
    put_all(h, account, "abc", wanted)
    path = os.path.join(h.spool, "kvt.dk", "abc")
    exact = [unquote(b) for b in by_python(path)]
    equal("nothing was added or lost but the newline at an end", exact, [as_stored(b) for _, b in wanted])
    for name, reader, quoted in READERS:
        compare(name, reader(path), wanted, quoted)
    in_a_maildir(h, account, wanted)
    odd_messages(h, account)
    converted(h, wanted)
    done()


main()
