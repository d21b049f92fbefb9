#!/usr/bin/python3
"""A POP3 session is killed before each system call of its QUIT, and of its login: the mailbox is as before or as after,
never missing or torn; the next delivery gets its locks at once, and nothing is left over.
"""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from pop3trial import Case, Trials, cases, cut, dele, maildir, mbox, raw  # noqa: E402
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


def tear(trial):
    """Leave half a message there, as a delivery that is killed in its write does. Returns the message."""
    message, limit = agent.Message(7, 9000, user=trial.box.user), len(trial.box.bytes()) + 4000
    r = trial.box.deliver(message, 1, ["/usr/bin/prlimit", f"--fsize={limit}", "/usr/bin/strace", "-qq", "-o", "/dev/null",
                                       "-e", "trace=ftruncate", "-e", "inject=ftruncate:signal=KILL:when=1"])
    if r.returncode != -9 or len(trial.box.bytes()) != limit:
        raise RuntimeError(f"no torn message: {r.returncode}, {len(trial.box.bytes())} bytes")
    return message


def repairs(t, case, last):
    """Every call of a session that has to repair what a killed delivery left: in its login, or in its QUIT."""
    def before(trial):
        """Where QUIT repairs, the delivery was killed in the middle of the session."""
        if last == "QUIT":
            return trial.open(), tear(trial)
        message = tear(trial)
        return trial.open(last), message

    def one(trial, call, nth):
        session, message = before(trial)
        torn = trial.box.bytes()
        session.strace("/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={nth}")
        session.end_by(last)
        return trial.wrong((torn, case.data, case.after), message, [trial.box.bytes() if trial.box.bytes() != torn else case.data])
    trial = t.trials(case, 1)[0]
    trial.open, held = (lambda last: held), before(trial)[0]
    points, answer = trial.calls(last)
    if last != "QUIT":  # only what comes behind the check of the password touches the mailbox
        points = points[[p[0] for p in points].index("setresuid"):]
    want = case.after if last == "QUIT" else case.data
    check(f"{last} behind a killed delivery, {case.name}: +OK, and repaired", answer.startswith(b"+OK") and
          trial.box.bytes() == want, (answer, len(trial.box.bytes()), len(want)))
    kill_each(f"{last} behind a killed delivery, {case.name}", t, case, points, one)


def of_maildirs(t, status):
    """Every call of QUIT on a Maildir: what stays is whole, and what was deleted is there whole or gone."""
    case = Case("3 of 7 deleted", mbox(7, 1000), ["RETR 1", "RETR 2", *dele([2, 4, 7])], [2, 4, 7], status=status)
    want = [m.partition(b"\n")[2][:-1] for m in cut(case.data)]

    def fresh(count):
        trials = t.trials(case, count)
        for trial in trials:
            trial.box.put(None)
            maildir(trial.box, case.data)
        return trials
    trial = fresh(1)[0]
    points, answer = trial.calls()
    kept = [m for n, m in enumerate(want, 1) if n not in (2, 4, 7)]
    check(f"QUIT, a Maildir, {case.name}: +OK, and as it should be", answer.startswith(b"+OK") and raw(trial.box.path) == kept, answer)
    bad = []
    for (call, nth), trial in zip(points, fresh(len(points))):
        answer, there = trial.disturbed(call, nth, "signal=KILL"), raw(trial.box.path)
        if [m for m in there if m in kept] != kept or [m for m in want if m in there] != there or (answer and there != kept):
            bad.append(f"killed before {call} {nth}: {answer!r}, {len(there)} messages")
        answer = trial.open().quit() if there == want else b""
        if there == want and (not answer.startswith(b"+OK") or raw(trial.box.path) != kept):
            bad.append(f"killed before {call} {nth}: the next session: {answer!r}")
        if trial.box.litter() or os.listdir(os.path.join(trial.box.path, "tmp")):
            bad.append(f"killed before {call} {nth}: left over: {trial.box.litter()}")
        trial.box.put(None)
    check(f"killed before each of {len(points)} calls of QUIT, a Maildir, write_status = {status}", len(points) > 8 and not bad, "\n".join(bad[:12]))


def main():
    t = Trials()
    for case in cases():
        quits(t, case)
    seven = mbox(7, 1000)
    repairs(t, Case("2 of 7 deleted", seven, dele([3, 5]), [3, 5]), "QUIT")
    repairs(t, Case("7 there", seven, []), "PASS secret")
    of_maildirs(t, False)
    of_maildirs(t, True)
    note(f"{kills} kills")
    done()


main()
