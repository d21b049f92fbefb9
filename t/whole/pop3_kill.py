#!/usr/bin/python3
"""A POP3 session is killed before each system call of its QUIT, and of its login: the mailbox is as before or as after,
never missing or torn; the next delivery gets its locks at once, and nothing is left over.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
import pop3d  # noqa: E402
from pop3trial import Case, Trials, cases, dele, mbox  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

kills = 0
FINAL = 4  # of so many kills one is followed by a whole session too
MANY = 70  # more calls than these are the same ones again and again, in the middle


def kill_each(sentence, t, case, points, one):
    """one(trial, call, nth): disturb it; what is wrong then, or None."""
    global kills
    bad = []
    for n, ((call, nth), trial) in enumerate(zip(points, t.trials(case, len(points)))):
        problem = one(trial, call, nth) or (trial.next_session() if n % FINAL == 0 or trial.box.litter() else None)
        kills += 1
        if problem:
            bad.append(f"killed before {call} {nth}: {problem}")
        trial.box.put(None)
    check(f"killed before each of {len(points)} calls of {sentence}", points and not bad, "\n".join(bad[:12]))


def quits(t, case):
    """Every call of QUIT."""
    trial = t.trials(case, 1)[0]
    points, answer = trial.calls()
    if len(points) > MANY:
        points = points[:20] + points[20:-24:len(points) // 10] + points[-24:]
    check(f"QUIT, {case.name}: +OK, and as it should be", answer.startswith(b"+OK") and trial.box.bytes() == case.after, answer)
    ends = set()

    def one(trial, call, nth):
        answer = trial.disturbed(call, nth, "signal=KILL")
        ends.add(trial.box.bytes())
        if answer and trial.box.bytes() != case.after:
            return f"it had said {answer!r}"
        return trial.wrong((case.data, case.after))
    kill_each(f"QUIT, {case.name}", t, case, points, one)
    equal(f"QUIT, {case.name}: both ends came", ends, {case.data, case.after})


def main():
    t = Trials()
    for case in cases():
        quits(t, case)
    note(f"{kills} kills")
    done()


main()
