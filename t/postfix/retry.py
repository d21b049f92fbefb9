#!/usr/bin/python3
"""What Postfix tries again: stored once in the end, nothing torn meanwhile, and no bounce."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import scratch  # noqa: E402
from tap import check, done, equal  # noqa: E402
from house import House, messages  # noqa: E402
from scratch import read, write  # noqa: E402


def message(name, size=100):
    line = b"x" * 71 + b"\n"
    return f"Subject: {name}\nMessage-ID: <{name}@example.org>\n\n".encode() + line * (size // len(line) + 1)


def count(h, name, user="abc", domain="kvt.dk"):
    """How often the message stands in the mailbox, read message by message."""
    return sum(f"\nMessage-ID: <{name}@example.org>\n".encode() in m for m in messages(h.mailbox(domain, user)))


def deferred_lines(h, name):
    """Postfix's log lines about deferring the message."""
    ids = [l.split(": ")[1] for l in h.postfix.log_lines(f"message-id=<{name}@example.org>")]
    return [l for i in ids for l in h.postfix.log_lines(f"{i}:", "status=deferred")]


def kept(h):
    """The mailbox of abc, wherever a fault has moved it."""
    spool = os.path.join(h.spool, "kvt.dk")
    places = [spool + ".kept/abc", spool + "/abc.kept", spool + "/abc"]
    return read(next(p for p in places if os.path.exists(p)))


def defer_then_mend(h, name, sentence, break_it, mend_it):
    """Break something, send, expect a 4.x.x deferral and an untouched mailbox; mend it, expect one copy."""
    before = h.mailbox("kvt.dk", "abc")
    break_it()
    h.postfix.send("abc@kvt.dk", message(name))
    check(f"{sentence}: the mail is deferred", h.postfix.wait_deferred(), h.postfix.log())
    lines = deferred_lines(h, name)
    check(f"{sentence}: with 4.x.x", lines and all("dsn=4." in l for l in lines), lines)
    check(f"{sentence}: the log says why", lines and "status=deferred (" in lines[0] and lines[0][-40:], lines)
    equal(f"{sentence}: the mailbox is untouched", kept(h), before)
    mend_it()
    h.postfix.flush()
    check(f"{sentence}: mended, it is delivered", h.postfix.wait_empty(), h.postfix.log())
    equal(f"{sentence}: once", count(h, name), 1)
    check(f"{sentence}: what was there before still is", h.mailbox("kvt.dk", "abc").startswith(before))


def faults(h):
    """Each wrong thing: name, sentence, how to break it, how to mend it."""
    folder, spool = h.path("etc", "kvt.dk"), os.path.join(h.spool, "kvt.dk")
    passwd, box = os.path.join(folder, "passwd"), os.path.join(spool, "abc")
    good, conf = read(passwd), h.path("etc", "virtual.conf")
    settings = read(conf)

    def put(text):
        return lambda: write(passwd, text, 0o600, h.owner)

    def replace_by(make, path):
        def change():
            os.rename(path, path + ".kept")
            make(path)
        return change

    def back(path):
        return lambda: os.rename(path + ".kept", path)

    def fifo(path):
        os.mkfifo(path)
        os.chown(path, h.owner.pw_uid, h.owner.pw_gid)

    def unfifo(path):
        return lambda: (os.unlink(path), os.rename(path + ".kept", path))

    return [
        ("empty", "an empty passwd", put(b""), put(good)),
        ("cut", "a passwd without its last newline, and without abc", put(b"kvt:*:1:1:x:."), put(good)),
        ("gone", "no passwd", lambda: os.rename(passwd, passwd + ".kept"), back(passwd)),
        ("group", "a folder that the group may write", lambda: os.chmod(folder, 0o770), lambda: os.chmod(folder, 0o700)),
        ("fifo", "a FIFO where passwd belongs", replace_by(fifo, passwd), unfifo(passwd)),
        ("boxfifo", "a FIFO where the mailbox belongs", replace_by(fifo, box), unfifo(box)),
        ("boxlink", "a symlink where the mailbox belongs", replace_by(lambda p: os.symlink(p + ".kept", p), box), unfifo(box)),
        ("nospool", "no spool folder", lambda: os.rename(spool, spool + ".kept"), back(spool)),
        ("conf", "a bad line in virtual.conf", lambda: write(conf, settings + b"no_such = 1\n"), lambda: write(conf, settings)),
        ("program", "no program", lambda: os.rename(h.bin + "/virtual-deliver", h.bin + "/away"),
         lambda: os.rename(h.bin + "/away", h.bin + "/virtual-deliver")),
        ("home", "no home of the account", lambda: os.rename(h.owner.pw_dir, h.owner.pw_dir + ".kept"), back(h.owner.pw_dir)),
    ]


def stored_but_unsaid(h):
    """The worst moment: the message is stored, and Postfix is told to try again."""
    wrapper = write(h.path("bin", "wrapper"), f'#!/bin/sh\n{h.deliver} "$@" || exit\n[ -e {h.path("said")} ] || exit 75\n', 0o755)
    h.forward(h.owner, "abc", "kvt.dk", f'"|{wrapper} abc@kvt.dk"\n')
    h.postfix.send("abc@kvt.dk", message("unsaid"))
    check("stored, but Postfix does not hear of it: deferred", h.postfix.wait_deferred(), h.postfix.log())
    equal("stored, but Postfix does not hear of it: it is there", count(h, "unsaid"), 1)
    for again in range(2):
        h.postfix.flush()
        scratch.wait_for(lambda n=again: len(deferred_lines(h, "unsaid")) >= n + 2)
    write(h.path("said"), "")
    h.postfix.flush()
    check("and in the end it hears", h.postfix.wait_empty(), h.postfix.log())
    equal("four runs stored it once", count(h, "unsaid"), 1)
    h.postfix.send("abc@kvt.dk", message("unsaid"))
    h.postfix.wait_empty()
    equal("the same text sent again is a message of its own", count(h, "unsaid"), 2)
    h.forward(h.owner, "abc", "kvt.dk")


def equal_messages(h):
    """Messages that are equal to the byte, or copies of one, are messages all the same."""
    h.postfix.send(["abc@kvt.dk", "kvt@kvt.dk", "abc@kvt.org", "abc+tag@kvt.dk"], message("copies"))
    h.postfix.wait_empty()
    equal("one message to abc, to abc of an alias domain, and to abc+tag: each is stored", count(h, "copies"), 3)
    equal("and kvt has one", count(h, "copies", "kvt"), 1)
    # A common setting for privacy: nothing is left by which two messages differ.
    checks = write(h.path("postfix", "checks"), "/^Received:/ IGNORE\n")
    h.postfix.set(header_checks=f"regexp:{checks}", always_add_missing_headers="no")
    h.postfix.reload()
    text = message("bare").replace(b"Subject:", b"From: a@example.org\nDate: Fri, 20 Nov 2026 10:00:00 +0000\nSubject:")
    for _ in range(3):
        h.postfix.send("abc@kvt.dk", text)
    h.postfix.wait_empty()
    equal("three messages without Received, equal to the byte: three are stored", count(h, "bare"), 3)
    h.postfix.set(header_checks="")
    h.postfix.reload()


def fill(path, leave):
    """Fill the file system of path with the file path, but for `leave` bytes."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except OSError:
        os.ftruncate(fd, os.fstat(fd).st_size - leave)
    finally:
        os.close(fd)


def full_disk(h):
    """A spool without room: deferred with 4.x.x, nothing torn, nothing left over, delivered when there is room."""
    spool = os.path.join(h.spool, "full.dk")
    filler, box = os.path.join(spool, ".filler"), os.path.join(spool, "abc")
    scratch.small_disk(spool, "512k", h.owner, 0o700)
    h.postfix.send("abc@full.dk", message("first", 20000))
    h.postfix.wait_empty()
    before = h.mailbox("full.dk", "abc")
    equal("full disk: the first message is there", count(h, "first", domain="full.dk"), 1)
    for leave in (0, 4096, 8192, 20480, 61440):
        sentence, name = f"full disk, {leave} bytes free", f"full{leave}"
        fill(filler, leave)
        h.postfix.send("abc@full.dk", message(name, 80000))
        check(f"{sentence}: deferred", h.postfix.wait_deferred(), h.postfix.log())
        lines = deferred_lines(h, name)
        check(f"{sentence}: with 4.x.x", lines and all("dsn=4." in l for l in lines), lines)
        equal(f"{sentence}: nothing torn", h.mailbox("full.dk", "abc"), before)
        check(f"{sentence}: no lock left", not os.path.exists(box + ".lock"), os.listdir(spool))
        os.unlink(filler)
        h.postfix.flush()
        check(f"{sentence}: delivered when there is room", h.postfix.wait_empty(), h.postfix.log())
        equal(f"{sentence}: once", count(h, name, domain="full.dk"), 1)
        check(f"{sentence}: behind what was there", h.mailbox("full.dk", "abc").startswith(before))
        write(box, before, 0o600, h.owner)  # room for the next one


def main():
    h = House("minimal_backoff_time = 600s\nmaximal_backoff_time = 600s\nqueue_run_delay = 600s\n")
    h.owner = h.account("a")
    h.domain("kvt.dk", h.owner, {"abc": ".", "kvt": "."})
    h.domain("full.dk", h.owner, {"abc": "."})
    write(h.path("etc", "domains"), "kvt.org alias_of=kvt.dk\n")
    os.rmdir(os.path.join(h.spool, "full.dk"))
    h.forward(h.owner, "abc", "kvt.dk")
    h.use_samples()
    h.maps()
    h.start()
    h.postfix.send("abc@kvt.dk", message("zero"))
    h.postfix.wait_empty()
    for name, sentence, break_it, mend_it in faults(h):
        defer_then_mend(h, name, sentence, break_it, mend_it)
    stored_but_unsaid(h)
    equal_messages(h)
    full_disk(h)
    equal("nothing bounced in all of this", h.postfix.log_lines("status=bounced"), [])
    done()


main()
