#!/usr/bin/python3
"""What virtual-deliver writes is read back by mail programs that nobody here wrote: Python's mailbox, Dovecot, GNU
mailutils and its pop3d count the same messages and find the same bodies, whatever stands in them.
"""
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402
from house import House  # noqa: E402
from readers import READERS, by_python  # noqa: E402

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


def odd_messages(h, account):
    """Without the Received that hand_over() puts on top."""
    path = os.path.join(h.spool, "kvt.dk", "odd")
    for what, message, _ in ODD:
        top = b"From s@x  Fri Nov 20 10:00:00 2026\nReturn-Path: <s@x>\nX-Original-To: odd@kvt.dk\nDelivered-To: x+odd--kvt.dk@virtual.invalid\n"
        r = scratch.run([*h.deliver.split(), "odd@kvt.dk"], data=top + message, env={"HOME": account.pw_dir}, user=account.pw_uid,
                        group=account.pw_gid, extra_groups=[])
        equal(f"stored: {what}", (r.returncode, r.stdout), (0, b""))
    for name, reader, quoted in READERS:
        compare(name, reader(path), [(what, body) for what, _, body in ODD], quoted)


def main():
    h = House()
    account = h.account("a")
    h.domain("kvt.dk", account, {"abc": ".", "odd": "."})
    wanted = bodies()
    for number, (what, body) in enumerate(wanted):
        r = h.hand_over(account, "abc@kvt.dk", headers(number) + body, queue_id=f"{number + 0x4AB00000:X}")
        equal(f"stored: a body with {what}", (r.returncode, r.stdout), (0, b""))
    path = os.path.join(h.spool, "kvt.dk", "abc")
    stored = by_python(path)
    exact = [unquote(b) for b in stored]
    equal("nothing was added or lost but the newline at an end", exact, [as_stored(b) for _, b in wanted])
    for name, reader, quoted in READERS:
        compare(name, reader(path), wanted, quoted)
    odd_messages(h, account)
    done()


main()
