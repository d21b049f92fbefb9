#!/usr/bin/python3
"""Between a delivery that was killed and its retry, other mail programs use the mailbox: procmail, Dovecot, mutt, GNU
mailutils and its pop3d, and a backup is put back by tar. Nothing of theirs and nothing old is cut or overwritten; the
message is there once in the end.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from neighbours import THEIR_BODY, Neighbours  # noqa: E402
from tap import check, done  # noqa: E402

agent.UID = 60311  # its account gets a name, and is removed: no other test may be somebody's of that number
OLD_BODIES = [b"old text %d, which stays what it is\n" % n for n in range(1000)]
OLD = b"".join(b"From old@example.org Thu Nov 19 08:00:00 2026\nSubject: old %d\nMessage-ID: <old%d@example.org>\n\n%s\n" % (n, n, b)
               for n, b in enumerate(OLD_BODIES))


# who, which of the old messages they delete
ACTS = [("nobody", ()), ("procmail", ()), ("dovecot_fetch", ()), ("dovecot_flags", ()), ("dovecot_expunge", (1, 2, 3, 4)), ("mutt", ()),
        ("mailutils", (1,)), ("pop3_reads", ()), ("pop3_deletes", (1, 2)), ("tar", ()), ("tar_mailbox", ()), ("tar_then_delivery", ())]
# where the delivery is killed; limit: how many bytes of it may be written before
KILLS = [("before it writes", "pwritev", 2, None), ("in the middle of its write", "ftruncate", 1, 30_000),
         ("behind its write", "fsync", 1, None), ("before it notes the id", "pwrite64", 2, None),
         ("before it closes the journal", "pwrite64", 3, None), ("before it gives the lock back", "unlinkat", 1, None),
         ("before its end", "sendto", 1, None)]


def one(neighbours, act, gone, kill, copies=(1,)):
    """Returns what is wrong in the end, or None."""
    box, message = neighbours.box, agent.Message(1, 84 * 1024)
    where, call, nth, limit = kill
    box.put(OLD)
    neighbours.backup()
    words = ["/usr/bin/prlimit", f"--fsize={len(OLD) + limit}"] if limit else []
    r = box.deliver(message, 1, [*words, "/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                 "-e", f"inject={call}:signal=KILL:when={nth}"])
    if r.returncode != -9:
        return f"it was not killed {where}: {r.returncode}"
    if os.path.exists(box.path + ".lock"):
        os.unlink(box.path + ".lock")  # they would wait for it, each for as long as it thinks right
    problem = getattr(neighbours, act)()
    if problem:
        return problem
    retry = box.deliver(message, 5)
    further = box.deliver(agent.Message(2), 7)
    got, body = box.bytes(), message.stored.partition(b"\n\n")[2]
    if (retry.returncode, further.returncode) != (0, 0):
        return f"exit {retry.returncode} {further.returncode} {retry.stdout!r} {further.stdout!r}"
    if got.count(body + b"\n") not in copies or agent.copies(got, agent.Message(2)) != 1:
        return f"{got.count(body)} copies, {agent.copies(got, agent.Message(2))} of the next message"
    lost = [n for n, b in enumerate(OLD_BODIES) if n not in gone and got.count(b) != 1]
    if lost or (act == "procmail" and THEIR_BODY not in got):
        return f"lost: {lost or 'theirs'}"
    if act == "tar_then_delivery" and agent.copies(got, agent.Message(77)) != 1:
        return "the delivery between is lost"
    return f"left over: {box.litter()}" if box.litter() else None


def main():
    neighbours = Neighbours(agent.Agent().box("u1"))
    for act, gone in ACTS:
        for kill in KILLS:
            problem = one(neighbours, act, gone, kill)
            check(f"killed {kill[0]}, then {act.replace('_', ' ')}, then the retry", problem is None, problem)
    for n, kill in enumerate(KILLS[2:]):
        problem = one(neighbours, "pop3_fetches_ours", (), kill, copies=(0, 1) if n < 2 else (0,))
        check(f"killed {kill[0]}, then fetched and deleted by POP3: the retry does not bring it again once it was noted", problem is None, problem)
    done()


main()
