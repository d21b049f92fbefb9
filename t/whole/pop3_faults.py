#!/usr/bin/python3
"""Each system call of a POP3 session's QUIT is made to fail, disks are full, files may not grow, folders take no lock: the
client is told -ERR, the mailbox is byte for byte as before, nothing is left over, and the next session does it.
"""
import itertools
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from pop3trial import Case, Trials, cases, dele, mbox  # noqa: E402
from scratch import read  # noqa: E402
from tap import check, done, equal, note  # noqa: E402

faults = 0
SEVEN = mbox(7, 1000)
SOME = Case("every second of 7 deleted", SEVEN, dele([2, 4, 6]), [2, 4, 6])
LAST = Case("the last 4 of 7 deleted", SEVEN, dele([4, 5, 6, 7]), [4, 5, 6, 7])
CANNOT_FAIL = {"brk", "munmap", "getpid", "geteuid", "exit_group"}


def settled(trial, answer, unsure=False, stays=()):
    """What is wrong behind this answer to QUIT, or None. unsure: it may be done although it failed. stays: what the next
    session may have to remove."""
    case, got = trial.case, trial.box.bytes()
    if answer.startswith(b"-ERR [SYS/"):
        right = got == case.data or (unsure and got == case.after)
    elif answer.startswith(b"+OK"):
        right = got == case.after
    else:  # the connection itself failed
        right = answer == b"" and got in (case.data, case.after)
    if not right or not trial.box.exists():
        return f"{answer!r}, and the mailbox has {len(got)} bytes"
    if set(trial.box.litter()) - set(stays):
        return f"{answer!r}, left over: {trial.box.litter()}"
    if got == case.after:
        return trial.next_session()
    answer = trial.open().quit()
    if not answer.startswith(b"+OK") or trial.box.bytes() != case.after:
        return f"the next session: {answer!r}, {len(trial.box.bytes())} bytes"
    return None


def fail_each(t, case, error):
    """Every call of QUIT fails with this error."""
    global faults
    points = [p for p in t.trials(case, 1)[0].calls()[0] if p[0] not in CANNOT_FAIL]
    names = [p[0] for p in points]
    changed = names.index("renameat") if "renameat" in names else names.index("ftruncate")
    if len(points) > 60:
        points = points[:20] + points[20:-24:len(points) // 10] + points[-24:]
    bad, refused = [], 0
    for n, ((call, nth), trial) in enumerate(zip(points, t.trials(case, len(points)))):
        answer = trial.disturbed(call, nth, f"error={error}")
        faults += 1
        refused += answer.startswith(b"-ERR")
        # A dotlock that cannot be removed is broken by the next who needs it.
        stays = [trial.box.user + ".lock"] if call == "unlinkat" else []
        problem = settled(trial, answer, n > changed - len(names) + len(points), stays)
        if problem:
            bad.append(f"{call} {nth}: {problem}")
        trial.box.put(None)
    check(f"{error} at each of {len(points)} calls of QUIT, {case.name} ({refused} refused)", refused > 3 and not bad,
          "\n".join(bad[:12]))


def after_refusal(session, trial):
    """What is wrong behind a PASS that was refused, or None: the session has ended, or it is as before (the check itself
    failed, and how often the parent waits for it is not the same each time), and the next PASS is taken."""
    try:
        answer = session.client.ask(f"USER {trial.box.user}@{agent.DOMAIN}")
        if answer:
            answer = session.client.ask("PASS secret")
    except (BrokenPipeError, ConnectionResetError):
        answer = b""
    return None if not answer or answer.startswith(b"+OK") else f"refused, then {answer!r}"


def logins(t, error):
    """Every call behind PASS fails: who gets in has all rights dropped and sees his mail; else it is no login, and nothing
    changes."""
    global faults
    case = Case("7 there", SEVEN, [])
    points = t.trials(case, 1)[0].calls("PASS secret")[0]
    names = [p[0] for p in points]
    points = [p for p in points[names.index("setgroups"):] if p[0] not in CANNOT_FAIL]
    bad, refused = [], 0
    for (call, nth), trial in zip(points, t.trials(case, len(points))):
        session = trial.open("PASS secret")
        session.strace("/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={nth}")
        try:
            answer, problem = session.client.ask("PASS secret"), None
            if answer.startswith(b"+OK"):
                status = read(f"/proc/{session.process.pid}/status").decode()
                if f"Uid:\t{agent.UID}\t{agent.UID}\t{agent.UID}\t{agent.UID}\n" not in status or "CapPrm:\t0000000000000000" not in status:
                    problem = f"in, with {status}"
                elif (seen := session.client.ask("STAT")) and not seen.startswith(b"+OK 7 "):  # b"": that could not be read
                    problem = f"in, and the mail is not there: {seen!r}"
            elif answer:
                refused += 1
                problem = None if answer.startswith((b"-ERR [SYS/", b"-ERR [IN-USE]")) else f"{answer!r}"
                problem = problem or after_refusal(session, trial)
        except (OSError, EOFError) as e:
            problem = f"{e}"
        session.wait()
        faults += 1
        if not problem and (trial.box.bytes() != SEVEN or [n for n in trial.box.litter() if call != "unlinkat"]):
            problem = f"{answer!r}, {len(trial.box.bytes())} bytes, left over: {trial.box.litter()}"
        if problem:
            bad.append(f"{call} {nth}: {problem}")
        trial.box.put(None)
    check(f"{error} at each of {len(points)} calls of the login, from where it drops its rights ({refused} refused)", refused > 5 and not bad, "\n".join(bad[:12]))


def size_limits(t, case):
    """Writes that a file size limit cuts short; the signal that comes with it ends no session."""
    limits = range(0, len(case.after) + 400, 400)
    bad, refused = [], 0
    for limit, trial in zip(limits, t.trials(case, len(limits))):
        session = trial.open()
        limited = trial.box.run(["/usr/bin/prlimit", f"--pid={session.process.pid}", f"--fsize={limit}"])
        answer = session.quit()
        refused += answer.startswith(b"-ERR")
        problem = settled(trial, answer) if answer and limited.returncode == 0 else f"{answer!r}, {limited.stderr!r}"
        if problem:
            bad.append(f"limit {limit}: {problem}")
    check(f"file size limits in steps of 400 bytes, {case.name}: {refused} refused", refused > 8 and not bad, "\n".join(bad[:12]))


def fill(path, leave):
    """Use up the disk but for `leave` bytes."""
    with open(path, "wb", 0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError:
            os.ftruncate(f.fileno(), max(0, os.fstat(f.fileno()).st_size - leave))


def full_disk():
    """A real file system without room: at the login, or at QUIT. Who removes everything, or the last ones, needs none."""
    t = Trials(disk="1m", log=True)
    big = mbox(400, 1000)
    half, tail = range(1, 400, 2), range(100, 401)
    rows = [("half", Case("half", big, dele(half), half)), ("the last 300", Case("last", big, dele(tail), tail)),
            ("all", Case("all", big, dele(range(1, 401)), range(1, 401)))]
    for (what, case), leave, when in itertools.product(rows, (0, 4096, 65536), ("login", "QUIT")):
        trial, filler = t.trials(case, 1)[0], os.path.join(t.folder, "filler")
        sentence = f"{leave} bytes free since the {when}, {what} deleted"
        trial.open().client.close()  # the locks' own files are there, as they are where mail was delivered
        if when == "login":
            fill(filler, leave)
        session = trial.open()
        if when == "QUIT":
            fill(filler, leave)
        answer = session.quit()
        if what == "half":
            check(f"{sentence}: refused, and as it was", answer.startswith(b"-ERR [SYS/") and trial.box.bytes() == case.data,
                  (answer, len(trial.box.bytes())))
        else:
            check(f"{sentence}: done, which makes room", answer.startswith(b"+OK") and trial.box.bytes() == case.after,
                  (answer, len(trial.box.bytes()), t.log.lines[-1:]))
        os.unlink(filler)
        equal(f"{sentence}: nothing left, and with room it is done", settled(trial, answer), None)
        trial.box.put(None)


def no_dotlock(t):
    """A folder in which no file can be made: the mail is read, and QUIT removes nothing or what it can without a file."""
    rows = [("no", SOME, False), ("no", LAST, False), ("yes", SOME, False), ("yes", LAST, True)]
    for fcntl_only, case, works in rows:
        trial, before = t.trials(case, 1)[0], len(t.log.lines)
        t.configure(fcntl_only=fcntl_only)
        os.chmod(t.folder, 0o500)
        try:
            session = trial.open()
            count, first = session.client.count()[0], session.client.retrieve(1)
            answer = session.quit()
            time.sleep(0.05)  # the log is a socket
        finally:
            os.chmod(t.folder, 0o700)
        sentence = f"a folder that takes no file, fcntl_only = {fcntl_only}, {case.name}"
        equal(f"{sentence}: the mail is read", (count, first), (7 - len(case.commands), first_message()))
        check(f"{sentence}: QUIT", (answer[:15], trial.box.bytes()) ==
              ((b"+OK\r\n", case.after) if works else (b"-ERR [SYS/TEMP]", case.data)), (answer, t.log.lines[-2:]))
        told = [l for l in t.log.lines[before:] if "remove messages: " in l and trial.box.path in l]
        check(f"{sentence}: {'no' if works else 'one'} log line", len(told) == len(t.log.lines) - before == (not works), t.log.lines[before:])
        equal(f"{sentence}: nothing is left", trial.box.litter(), [])


def first_message():
    return SEVEN[SEVEN.index(b"\n") + 1:SEVEN.index(b"\n\nFrom ") + 1]


def main():
    t = Trials(log=True)
    everything = sys.argv[1:] == ["all"]
    for error in ("EIO", "ENOSPC", "EACCES", "EINTR") + ("EDQUOT", "ENOMEM", "EROFS", "EMFILE") * everything:
        for case in cases() if everything else [SOME]:
            if not case.old or case.after != case.data:
                fail_each(t, case, error)
    for case in [LAST, *cases()[6:9:2]]:
        fail_each(t, case, "EIO")
    logins(t, "EIO")
    size_limits(t, SOME)
    full_disk()
    no_dotlock(t)
    note(f"{faults} faults")
    done()


main()
