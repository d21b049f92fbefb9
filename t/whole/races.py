#!/usr/bin/python3
"""What others do between two system calls of virtual-deliver: it is held up before one of them, and the mailbox is
changed meanwhile. Nothing of theirs is overwritten or cut, and nothing acknowledged is lost.
"""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from scratch import wait_for  # noqa: E402
from tap import check, done, equal  # noqa: E402

OLD = b"From old@example.org Thu Nov 19 08:00:00 2026\nSubject: old\n\nold\n\n"
THEIRS = b"From them@example.org Thu Nov 19 08:01:00 2026\nSubject: theirs\n\ntheirs\n\n"
HELD_UP_US = 400_000


def held_up(box, message, call, nth, meanwhile):
    """Deliver; while the nth `call` waits to be made, run meanwhile(). Returns the exit status."""
    trace = os.path.join(box.agent.work, "held")
    if os.path.exists(trace):
        os.unlink(trace)
    p = box.start(message, ["/usr/bin/strace", "-qq", "-o", trace, "-e", "trace=all",
                            "-e", f"inject={call}:delay_enter={HELD_UP_US}:when={nth}"])

    def waits():
        lines = agent.scratch.read(trace).split(b"\n")
        names = [l.split(b"(")[0].decode() for l in lines if b"(" in l]
        return names.count(call) >= nth and b" = " not in lines[-1]
    check(f"  it comes to {call} number {nth}", wait_for(waits, 5, 0.005), agent.scratch.read(trace).decode()[-300:])
    meanwhile()
    return p.wait(30)


def append(box):
    with open(box.path, "ab") as f:
        f.write(THEIRS)


def replace(box, data):
    box.write(data, box.path + ".temp")
    os.rename(box.path + ".temp", box.path)


# A program that knows only the dotlock ends its session just before ours gets that lock.
DOTLOCK_ONLY = [
    ("appends", OLD, append, [OLD, THEIRS]),
    ("replaces the file by a longer one", OLD, lambda b: replace(b, OLD + THEIRS), [OLD, THEIRS]),
    ("replaces the file by a shorter one", OLD + THEIRS, lambda b: replace(b, OLD), [OLD]),
    ("empties the file", OLD, lambda b: b.write(b""), []),
    ("removes the file", OLD, lambda b: os.unlink(b.path), []),
]


def dotlock_only(box):
    for n, (what, before, act, stays) in enumerate(DOTLOCK_ONLY):
        for call, nth in (("linkat", 1), ("openat", 7), ("fcntl", 1)):
            message = agent.Message(n + 1)
            box.put(before)
            status = held_up(box, message, call, nth, lambda a=act: a(box))
            got = box.bytes()
            sentence = f"a program that knows only the dotlock {what} while {call} {nth} waits"
            equal(f"{sentence}: stored", (status, agent.copies(got, message)), (0, 1))
            equal(f"{sentence}: theirs stands", got[:sum(map(len, stays))], b"".join(stays))


def no_lock(box):
    """A program without any lock appends at the worst moments."""
    for n, (call, nth) in enumerate((("pwritev", 1), ("pwritev", 2), ("fsync", 1))):
        message = agent.Message(n + 21)
        box.put(OLD)
        status = held_up(box, message, call, nth, lambda: append(box))
        got = box.bytes()
        sentence = f"a program without locks appends while {call} {nth} waits"
        equal(f"{sentence}: stored", (status, agent.copies(got, message)), (0, 1))
        check(f"{sentence}: theirs stands", THEIRS in got and got.startswith(OLD), got)


def restore_meanwhile(box):
    """The file is replaced while a delivery writes to it: what it wrote is gone, so it may not say that it is stored."""
    for n, (call, nth) in enumerate((("pwritev", 1), ("pwritev", 2), ("fsync", 1))):
        message = agent.Message(n + 31)
        box.put(OLD)
        status = held_up(box, message, call, nth, lambda: replace(box, OLD))
        equal(f"the mailbox is put back while {call} {nth} waits: not acknowledged", status, 75)
        equal(f"the mailbox is put back while {call} {nth} waits: the retry stores it", box.deliver(message, 3).returncode, 0)
        equal(f"the mailbox is put back while {call} {nth} waits: once", agent.copies(box.bytes(), message), 1)


def new_mailbox(box):
    """Another program holds the dotlock and has opened the empty mailbox that we made: it is not removed under it."""
    message = agent.Message(41)
    box.put(None)
    lock = box.path + ".lock"
    with open(lock, "w", encoding="ascii") as f:
        f.write(str(os.getpid()))
    p = box.start(message)
    check("a new mailbox under another's dotlock appears", wait_for(lambda: os.path.exists(box.path), 5, 0.0005))
    with open(box.path, "ab") as theirs:
        time.sleep(0.2)
        theirs.write(THEIRS)
    os.unlink(lock)
    equal("our message is stored when the lock is free", p.wait(30), 0)
    got = box.bytes()
    check("what the other program wrote into the new mailbox is there", got.startswith(THEIRS), got)
    equal("and ours is", agent.copies(got, message), 1)


def sender_dies(box):
    """The program that writes the message is killed in the middle of it: half a message is none."""
    for size in (20_000, 2_000_000):
        box.put(OLD)
        message = agent.Message(51, size)
        half = message.input()[:size // 2]
        code = ("import os, subprocess, sys, time\n"
                "p = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE)\n"
                "print(p.pid, flush=True)\np.stdin.write(open(sys.argv[1], 'rb').read())\np.stdin.flush()\ntime.sleep(60)\n")
        path = os.path.join(box.agent.work, "half")
        box.write(half, path)
        sender = agent.subprocess.Popen([sys.executable, "-c", code, path, *box.agent.argv(box.user)], env=agent.ENV,
                                        stdout=agent.subprocess.PIPE, user=agent.UID, group=agent.UID, extra_groups=[])
        pid = int(sender.stdout.readline())
        time.sleep(0.3)
        sender.kill()
        sender.wait()
        wait_for(lambda p=pid: not os.path.exists(f"/proc/{p}") or "Z" in open(f"/proc/{p}/stat").read().split()[2], 10)
        sender.stdout.close()
        equal(f"a sender killed half-way through {size} bytes: the mailbox is as it was", box.bytes(), OLD)
        equal("its retry is stored", box.deliver(message, 3).returncode, 0)
        equal("once", agent.mentions(box.bytes(), message), 1)


def shared_folder(a):
    """In a folder that others may write to no file of ours is made, whatever the size of the message."""
    folder = os.path.join(a.top, "mail")
    os.mkdir(folder, 0o700)
    os.chmod(folder, 0o1777)
    a.configure(mail_directory=folder, fcntl_only="yes")
    box = a.box("u2")
    box.path = os.path.join(folder, "u2")
    box.write(OLD)
    for n, size in enumerate((1000, 3 << 20)):
        message = agent.Message(n, size, user="u2")
        r = box.run(["/usr/bin/env", f"HOME={a.work}", *a.argv("u2")], message.input())
        equal(f"{size} bytes into a folder that others write to", (r.returncode, r.stdout, agent.copies(box.bytes(), message)), (0, b"", 1))
    equal("no side file is made there", os.listdir(folder), ["u2"])


def main():
    a = agent.Agent()
    box = a.box("u1")
    dotlock_only(box)
    no_lock(box)
    restore_meanwhile(box)
    new_mailbox(box)
    sender_dies(box)
    shared_folder(a)
    done()


main()
