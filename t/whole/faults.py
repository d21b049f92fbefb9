#!/usr/bin/python3
"""Each system call of virtual-deliver is made to fail in turn, disks are full and files may not grow: the mail is
deferred (75), the mailbox is byte for byte as it was, and the retry stores the message once.
"""
import itertools
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import scratch  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

OLD = b"".join(b"From old@example.org Thu Nov 19 08:0%d:00 2026\nSubject: old %d\n\nold text %d\n\n" % (n, n, n) for n in range(3))
CANNOT_FAIL = {"execve", "arch_prctl", "set_tid_address", "exit_group", "getpid", "getppid", "geteuid", "getuid", "munmap", "brk", "uname"}
# Where these fail behind the write, nobody knows yet whether the bytes will stay: they stand there, and are not doubled.
UNSURE = {"fsync", "close", "newfstatat", "openat"}
ERRORS = ["ENOSPC", "EDQUOT", "EIO", "EINTR", "EFBIG", "EMFILE", "ENOMEM"]
runs = 0


def fail(box, message, name, nth, error, before=()):
    global runs
    runs += 1
    return box.deliver(message, 3, [*before, "/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={name}",
                                    "-e", f"inject={name}:error={error}:when={nth}"])


def settled(box, message, old, unsure=False):
    """What is wrong once the retry came, or None. unsure: the bytes may stand there."""
    got = box.bytes()
    if got != old and not (unsure and got.startswith(old)):
        return f"the mailbox changed: {len(old)} bytes, now {len(got)}"
    if box.litter() and got == old:
        return f"left over: {box.litter()}"
    r = box.deliver(message, 5)
    got = box.bytes()
    if r.returncode != 0 or not got.startswith(old):
        return f"the retry: exit {r.returncode}, {r.stdout!r}"
    if agent.copies(got, message) != 1 or agent.mentions(got, message) != 1:
        return f"after the retry {agent.copies(got, message)} whole copies, {agent.mentions(got, message)} in all"
    return f"left over: {box.litter()}" if box.litter() else None


def each_call(box, sentence, old, size, errors, late=False):
    """Every call fails with every error."""
    message = agent.Message(1, size)
    box.put(old)
    points = [(n, i) for n, i, _ in agent.calls(box, message)[0] if n not in CANNOT_FAIL]
    if late:
        points = points[-28:]
    for error in errors:
        bad, deferred = [], 0
        for name, nth in points:
            box.put(old)
            r = fail(box, message, name, nth, error)
            if r.returncode == 0:
                problem = None if agent.copies(box.bytes(), message) == 1 else "exit 0, and not stored"
                problem = problem or settled_twice(box, message)
            elif r.returncode == 75:
                deferred += 1
                problem = None if r.stdout.startswith(b"4.") else f"says {r.stdout!r}"
                problem = problem or settled(box, message, old or b"", name in UNSURE)
            else:
                problem = f"exit {r.returncode}"
            if problem:
                bad.append(f"{name} {nth}: {problem}")
        check(f"{error} at each of {len(points)} calls: {sentence} ({deferred} deferred)", not bad and deferred, "\n".join(bad[:12]))


def settled_twice(box, message):
    """The message was stored: its retry is none."""
    if box.deliver(message, 5).returncode != 0 or agent.copies(box.bytes(), message) != 1:
        return f"stored, and {agent.copies(box.bytes(), message)} times after a retry"
    return f"left over: {box.litter()}" if box.litter() else None


def while_repairing(box, sentence, old, size, limit, kill):
    """A delivery is killed in the middle of its writes, and the one that repairs fails at each of its calls."""
    message = agent.Message(1, size)

    def tear():
        box.put(old)
        box.deliver(message, 3, [*limit, "/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={kill[0]}",
                                 "-e", f"inject={kill[0]}:signal=KILL:when={kill[1]}"])
    tear()
    torn = box.bytes()
    check(f"{sentence}: a true beginning stands there", len(old) < len(torn) < len(old) + len(message.stored), len(torn))
    points = [(n, i) for n, i, _ in agent.calls(box, message)[0] if n not in CANNOT_FAIL]
    points = points[next(i for i, p in enumerate(points) if p[0] == "fcntl"):]
    if len(points) > 70:
        points = points[:35] + points[-15:]
    for error in ("EIO", "ENOSPC", "ENOMEM"):
        bad = []
        for name, nth in points:
            tear()
            fail(box, message, name, nth, error)
            got = box.bytes()
            r = box.deliver(message, 5)
            got = box.bytes()
            if r.returncode != 0 or agent.copies(got, message) != 1 or agent.mentions(got, message) != 1 or not got.startswith(old):
                bad.append(f"{name} {nth}: {agent.copies(got, message)} whole of {agent.mentions(got, message)}, {r.stdout!r}")
            elif box.litter():
                bad.append(f"{name} {nth}: left over: {box.litter()}")
        check(f"{error} at each of {len(points)} calls of the delivery that repairs: {sentence}", not bad, "\n".join(bad[:12]))


def fill(path, leave):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except OSError:
        os.fsync(fd)
        os.ftruncate(fd, max(0, os.fstat(fd).st_size - leave))
    finally:
        os.close(fd)


def loop_disk(box, options):
    """An ext4 of 4 MiB in place of the domain's folder."""
    image, folder = os.path.join(box.agent.top, "image"), box.agent.folder
    with open(image, "wb") as f:
        f.truncate(4 << 20)
    scratch.must(["/sbin/mkfs.ext4", "-q", "-F", "-m", "0", "-N", "64", *options, image])
    scratch.must(["/usr/bin/mount", "-o", "loop", image, folder])
    os.chmod(folder, 0o700)
    os.chown(folder, agent.UID, agent.UID)


def full_disks():
    """Real file systems without room, new and used mailboxes, each size."""
    kinds = [("tmpfs", None), ("ext4", []), ("ext4 without a journal", ["-O", "^has_journal"])]
    for what, options in kinds:
        box = agent.Agent(disk="2m" if options is None else "8m").box("u1")
        if options is not None:
            loop_disk(box, options)
        filler = os.path.join(box.agent.folder, "filler")
        for old, leave in itertools.product((OLD * 100, None), (0, 4096, 8192, 20480, 57344, 102400)):
            message = agent.Message(1, 84 * 1024)
            sentence = f"{what} with {leave} bytes free, {'a mailbox' if old else 'no mailbox'}"
            box.put(old)
            fill(filler, leave)
            r = box.deliver(message, 3)
            got = box.bytes()
            if r.returncode == 75:
                check(f"{sentence}: deferred, as it was, nothing left", r.stdout.startswith(b"4.") and got == (old or b"")
                      and not box.litter(), f"{r.stdout!r} {len(got)} bytes {box.litter()}")
            else:
                equal(f"{sentence}: exit 0, and stored", (r.returncode, agent.copies(got, message)), (0, 1))
            os.unlink(filler)
            r = box.deliver(message, 5)
            equal(f"{sentence}: with room again, once", (r.returncode, agent.copies(box.bytes(), message)), (0, 1))
            box.put(None)
        if options is not None:
            scratch.must(["/usr/bin/umount", "-l", box.agent.folder])


def size_limits(box):
    """RLIMIT_FSIZE from nothing to enough in steps of 1 kB; the signal that comes with it as it is, and ignored."""
    old, message, bad, deferred = OLD * 20, agent.Message(1, 20_000), [], 0
    for ignore, limit in itertools.product((False, True), range(0, len(OLD) * 20 + 23_000, 1024)):
        box.put(old)
        words = ["/usr/bin/prlimit", f"--fsize={limit}"]
        if ignore:
            words = ["/bin/sh", "-c", 'trap "" XFSZ; exec "$@"', "sh", *words]
        r = box.deliver(message, 3, words)
        problem = f"exit {r.returncode}" if r.returncode not in (0, 75) else None
        deferred += r.returncode == 75
        if r.returncode == 75:
            problem = settled(box, message, old)
        elif r.returncode == 0:
            problem = settled_twice(box, message)
        if problem:
            bad.append(f"limit {limit}, SIGXFSZ {'ignored' if ignore else 'as it is'}: {problem}")
    check(f"file size limits in steps of 1 kB: {deferred} deferred, none lost, doubled or torn", not bad and deferred > 20, "\n".join(bad[:12]))


def main():
    box = agent.Agent().box("u1")
    each_call(box, "1 KiB, three messages", OLD, 1024, ERRORS)
    each_call(box, "1 KiB, no mailbox", None, 1024, ["ENOSPC", "EIO", "EINTR"], late=True)
    each_call(box, "3 MiB, three messages", OLD, 3 << 20, ["ENOSPC", "EIO"], late=True)
    while_repairing(box, "84 KiB", OLD * 300, 84 * 1024, ["/usr/bin/prlimit", "--fsize=100000"], ("ftruncate", 1))
    while_repairing(box, "3 MiB", OLD, 3 << 20, [], ("pwrite64", 20))
    size_limits(box)
    full_disks()
    note(f"{runs} faults")
    done()


main()
