#!/usr/bin/python3
"""virtual-deliver answers: killed before each call and with each call failing, several at once, with hostile headers and
senders. The message is always stored as if there were no answer, and nobody is answered twice.
"""
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import agent  # noqa: E402
from scratch import read, write  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

AWAY = "Subject: Away ($SUBJECT)\n\nYou wrote about $SUBJECT.\n"
ERRORS = ["ENOSPC", "EIO", "EMFILE"]
CANNOT_FAIL = {"execve", "arch_prctl", "set_tid_address", "exit_group", "getpid", "getppid", "geteuid", "getuid", "munmap", "brk", "uname"}
# What a header of ours must not get from one of theirs.
FORGED = ["Bcc", "Cc", "Sender", "Received", "Return-Path", "X-Evil", "Content-Type: text/html"]


class Message(agent.Message):
    """One that a vacation answers: it names its recipient."""

    def __init__(self, number, fields=b"", sender=b"s@example.org", subject=b"number"):
        super().__init__(number)
        head, _, body = self.text.partition(b"\n\n")
        head = b"\n".join(l for l in head.split(b"\n") if not l.startswith(b"Subject:"))
        self.text = head + b"\nTo: u1@kvt.dk\nSubject: " + subject + b"\n" + fields + b"\n" + body
        self.hop = self.hop.replace(b"s@example.org", sender)
        # stored is for messages without odd fields
        self.stored = self.hop.replace(b"acc+u1--kvt.dk@virtual.invalid", b"u1@kvt.dk") + self.text.replace(b"\nFrom the", b"\n>From the")


class Trial:
    """A user on vacation, and a sendmail that keeps what it is given."""

    def __init__(self):
        self.agent = a = agent.Agent(log=True)
        self.sent = a.path("work", "sent")
        os.mkdir(self.sent)
        os.chown(self.sent, agent.UID, agent.UID)
        self.recorder = self.program("recorder", 'f=$(mktemp "$1/XXXXXXXX") || exit 75; shift; cat >"$f.text" && printf "%s\\0" "$@" >"$f"')
        self.sendmail(self.recorder)
        self.box = a.box("u1")
        self.files = os.path.join(a.folder, ".files")
        os.mkdir(self.files, 0o700)
        os.chown(self.files, agent.UID, agent.UID)

    def program(self, name, text):
        """A program that stands in the place of sendmail; `$1` becomes the folder of what was sent."""
        return write(self.agent.path(name), f'#!/bin/sh\nset -- {self.sent} "$@"\n{text}\n', 0o755)

    def sendmail(self, path):
        self.agent.configure(sendmail_program=path)

    def fresh(self, mailbox=None, index=b"", text=AWAY):
        self.box.put(mailbox)
        for folder in (self.sent, self.files):
            for n in os.listdir(folder):
                os.unlink(os.path.join(folder, n))
        for name, data in (("u1.vacation", text), ("u1.vacation.db", index)):
            if data is not None:
                self.box.write(data, os.path.join(self.files, name))

    def answers(self):
        """What was sent: [(arguments, message)]."""
        names = sorted(n for n in os.listdir(self.sent) if "." not in n)
        return [(read(os.path.join(self.sent, n)).split(b"\0")[:-1], read(os.path.join(self.sent, n) + ".text")) for n in names]

    def index(self):
        return [l.split(b" ", 2)[2] for l in read(os.path.join(self.files, "u1.vacation.db")).splitlines() if l[:1] != b"#"]


# --- killed, failing ---

def points(t):
    t.fresh()
    found, status = agent.calls(t.box, Message(1))
    equal("undisturbed: stored, noted and answered", (status, agent.copies(t.box.bytes(), Message(1)), t.index(), len(t.answers())),
          (0, 1, [b"s@example.org"], 1))
    # What comes before the message is stored is tested without answers, too.
    late = next(k for k, c in enumerate(found) if c[0] == "pwritev")
    return [(n, i) for n, i, _ in found[late:] if n not in CANNOT_FAIL]


def disturb(t, injection):
    return t.box.deliver(Message(1), 0, ["/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={injection.split(':')[0]}",
                                         "-e", f"inject={injection}"])


def settle(t):
    """The retry, and another message of the same sender. Returns what is wrong then, or None."""
    statuses = [t.box.deliver(Message(n), n).returncode for n in (1, 2)]
    copies = [agent.copies(t.box.bytes(), Message(n)) for n in (1, 2)]
    if statuses != [0, 0] or copies != [1, 1]:
        return f"exit {statuses}, stored {copies}"
    if len(t.answers()) > 1:
        return f"{len(t.answers())} answers"
    # Whoever is answered stands in the index; and others are answered still.
    if t.answers() and t.index() != [b"s@example.org"]:
        return f"answered, and the index holds {t.index()}"
    before = len(t.answers())
    third = Message(3, sender=b"t@example.org")
    if t.box.deliver(third, 9).returncode != 0 or len(t.answers()) != before + 1:
        return f"another sender is not answered: {t.agent.log.lines[-1]}"
    left = set(os.listdir(t.files)) - {"u1.vacation", "u1.vacation.db", ".answered.lock"}
    left = [n for n in left if not n.startswith(".") or n.endswith(".new")]
    return f"left over: {left}" if left or t.box.litter() else None


def killed(t, calls):
    bad, few = [], 0
    for name, nth in calls:
        t.fresh()
        disturb(t, f"{name}:signal=KILL:when={nth}")
        problem = settle(t)
        few += len(t.answers()) < 2  # the other sender's
        if problem:
            bad.append(f"killed before {name} {nth}: {problem}")
    check(f"killed before each of {len(calls)} calls, and tried again", not bad, "\n".join(bad[:12]))
    note(f"{few} times nobody was answered")


def failing(t, calls):
    for error in ERRORS:
        bad, unanswered = [], 0
        for name, nth in calls:
            t.fresh()
            r = disturb(t, f"{name}:error={error}:when={nth}")
            copies = agent.copies(t.box.bytes(), Message(1))
            problem = None if (r.returncode, copies) == (0, 1) or r.returncode == 75 else f"exit {r.returncode}, stored {copies} times"
            unanswered += r.returncode == 0 and not t.answers()
            problem = problem or settle(t)
            if problem:
                bad.append(f"{name} {nth}: {problem}")
        check(f"{error} at each of {len(calls)} calls ({unanswered} times no answer, and the message stored)", not bad and unanswered,
              "\n".join(bad[:12]))


# --- sendmail ---

def sendmails(t):
    """What the program that sends does wrong is in the log, and nowhere else."""
    for n, (sentence, program, says) in enumerate((
            ("fails", t.program("failing", 'echo "fatal: no queue" >&2; exit 75'), "fatal: no queue"),
            ("is not there", t.agent.path("missing"), "missing"),
            ("dies", t.program("dying", "kill -9 $$"), "signal 9"),
            ("does not read", t.program("deaf", "exit 0"), ", answered"),
            ("writes without end", t.program("loud", "yes >&2 & sleep 0.3; kill $!; exit 1"), "not answered"))):
        t.sendmail(program)
        t.fresh(text=AWAY + "x" * 60000)
        m = Message(1, sender=b"c%d@example.org" % n)
        r = t.box.deliver(m)
        equal(f"sendmail {sentence}: the message is stored", (r.returncode, agent.copies(t.box.bytes(), m)), (0, 1))
        t.agent.log.wait(f"from=<c{n}@example.org>", "status=")  # the last line
        line = t.agent.log.find("vacation=<u1@kvt.dk>", f"from=<c{n}@example.org>")
        check(f"sendmail {sentence}: one line about the answer", len(line) == 1 and says in line[0], line)
    t.sendmail(t.recorder)


# --- a responder that cannot be used ---

def unusable(t):
    """`info.auto` alone makes info@; with a mailbox too, the message is safe there, and is accepted."""
    auto, box = os.path.join(t.files, "u9.auto"), agent.Box(t.agent, "u9")
    for sentence, text, mode in (("no header", "no header here\n", 0o600), ("a NUL", "Subject: x\n\na\0b\n", 0o600),
                                 ("too large", "Subject: x\n\n" + "x" * 2000000, 0o600), ("others write it", "Subject: x\n\nhi\n", 0o666)):
        t.fresh()
        t.box.write(text, auto)
        os.chmod(auto, mode)
        r = box.deliver(Message(1))
        said = (r.stdout + r.stderr).decode()
        check(f"nothing but a responder, {sentence}: deferred, and the file is named",
              r.returncode == 75 and "4.3.5" in said and "u9.auto" in said and not t.answers(), (r.returncode, said))
        r = box.deliver(Message(2, fields=b"List-Id: <x>\n"))
        equal(f"{sentence}: what is not to be answered is accepted", (r.returncode, t.answers()), (0, []))
        t.box.write("Subject: x\n\nhi\n", auto)
        os.chmod(auto, 0o600)
        r = box.deliver(Message(1))
        equal(f"{sentence}: when it is mended, the retry answers", (r.returncode, len(t.answers())), (0, 1))


# --- several at once ---

def together(t):
    rounds, bad = 10, []
    for n in range(rounds):
        t.fresh()
        messages = [Message(10 * n + k) for k in range(6)]
        running = []
        for m in messages:
            with open(t.agent.path("in"), "w+b") as f:
                f.write(m.input())
                f.seek(0)
                running.append(subprocess.Popen(t.agent.argv("u1"), stdin=f, stdout=subprocess.DEVNULL, env=agent.ENV, user=agent.UID,
                                                group=agent.UID, extra_groups=[]))
            os.unlink(t.agent.path("in"))
        statuses = {p.wait() for p in running}
        stored = [agent.copies(t.box.bytes(), m) for m in messages]
        if statuses != {0} or stored != [1] * 6 or len(t.answers()) != 1:
            bad.append(f"exit {statuses}, stored {stored}, {len(t.answers())} answers")
    check(f"six messages of one sender at once, {rounds} times: all are stored, and one is answered", not bad, "\n".join(bad))


# --- what a stranger writes ---

def fields_of(text):
    """The header of an answer as [(name, value)], folds kept; what is no header raises."""
    head, _, body = text.partition(b"\n\n")
    fields = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            fields[-1][1] += b"\n" + line
        else:
            name, colon, value = line.partition(b":")
            if not colon or not name or b" " in name:
                raise ValueError(line)
            fields.append([name, value.strip()])
    return fields, body


NAMES = [b"From", b"To", b"Subject", b"In-Reply-To", b"References", b"Auto-Submitted", b"X-Auto-Response-Suppress", b"X-Loop", b"MIME-Version",
         b"Content-Type", b"Content-Transfer-Encoding"]


def one_header(text):
    """What is wrong with the header of an answer, or None."""
    try:
        fields, _ = fields_of(text)
    except ValueError as e:
        return f"no header line: {e}"
    names = [n for n, _ in fields]
    if [n for n in names if n not in (b"In-Reply-To", b"References")] != [n for n in NAMES if n not in (b"In-Reply-To", b"References")]:
        return f"fields {names}"
    head = text.partition(b"\n\n")[0]
    if any(len(l) > 998 for l in head.split(b"\n")):
        return "a line that is too long"
    odd = [c for c in head if (c < 32 and c != 10) or c > 126]
    return f"odd bytes {odd[:8]}" if odd else None


def hostile_fields(t):
    random.seed(3834)
    pieces = [b"\r", b"\r\n ", b"\n ", b"\n\t", b"\0", b"\x1b[2J", b"\xff", b"\xc3\xb8", b"=?utf-8?Q?=0ABcc:_x@y.z?=", b"=?utf-8?B?CkJjYzogeEB5Lno=?=",
              b"\rBcc: x@y.z\r", b"%s%n", b"$SUBJECT", b"<", b">", b"a" * 1000, b" ", b"\x7f", b"\xc2\x9b", b'"', b"\\", b"=?x?Q?", b"?="]
    cases = [(name, p) for name in (b"Subject", b"Message-ID", b"References") for p in pieces]
    cases += [(name, b"".join(random.choices(pieces, k=12))) for name in (b"Subject", b"Message-ID", b"References") for _ in range(25)]
    cases += [(b"Subject", bytes([c])) for c in range(256) if c not in b"\n"]
    bad = []
    for n, (name, value) in enumerate(cases):
        t.fresh()
        m = Message(n, sender=b"s%d@example.org" % n, subject=value if name == b"Subject" else b"x")
        if name != b"Subject":
            m.text = m.text.replace(b"\nSubject: x\n", b"\nSubject: x\n" + name + b": " + value + b"\n", 1)
        if name == b"Message-ID":
            m.text = m.text.replace(b"\nMessage-ID: <m", b"\nX-Old: <m", 1)
        r = t.box.deliver(m)
        got = t.answers()
        problem = f"exit {r.returncode}, {len(got)} answers" if r.returncode != 0 or len(got) != 1 else one_header(got[0][1])
        if problem:
            bad.append(f"{name.decode()}: {value[:60]!r}: {problem}")
    check(f"{len(cases)} hostile values of Subject, Message-ID and References: one header of ours", not bad, "\n".join(bad[:12]))


def long_header(t):
    """Fields without end, and one that lies behind more than is looked at."""
    t.fresh()
    m = Message(1, fields=b"".join(b"X-%d: %s\n" % (i, b"y" * 70) for i in range(5000)))
    equal("a header of 400 kB is answered", (t.box.deliver(m).returncode, len(t.answers())), (0, 1))
    t.fresh()
    m = Message(1, fields=b"Cc: " + b",\n ".join(b"a%d@example.org" % i for i in range(3000)) + b"\nList-Id: <x>\n")
    equal("a list's mark behind a Cc of 60 kB is seen", (t.box.deliver(m).returncode, len(t.answers())), (0, 0))


SENDERS = [b"-oQ/tmp@x.org", b"-f@x.org", b"--@x.org", b"$(id)@x.org", b"`id`@x.org", b"a;id@x.org", b"a|id@x.org", b"|id@x.org", b"a&id@x.org", b"a>b@x.org",
           b"a<b@x.org", b"a*@x.org", b"a?@x.org", b"~root@x.org", b"a'b@x.org", b'a"b@x.org', b"a\\b@x.org", b"a!b@x.org", b"a#b@x.org", b"a{b,c}@x.org",
           b"a b@x.org", b'"a b"@x.org', b"a,b@x.org", b"a@x.org,b@x.org", b"a@x.org b@x.org", b"<a@x.org>", b"a(b)@x.org", b"a@[192.0.2.1]", b"a@x..org",
           b"a%b@x.org", b"/etc/passwd@x.org", b"../../x@x.org", b":include:/etc/passwd@x.org", b"a@b@x.org", b"@x.org", b"a@", b"a", b"$IFS@x.org",
           b"a\x1b[2J@x.org", b"\xff@x.org", b"j\xc3\xb8@x.org", b"a" * 65 + b"@x.org"]


def hostile_senders(t):
    bad, answered = [], 0
    for n, sender in enumerate(SENDERS + [b"a" + bytes([c]) + b"@x.org" for c in range(1, 256) if c != 10]):
        t.fresh()
        m = Message(n, sender=sender)
        r = t.box.deliver(m)
        got = t.answers()
        answered += len(got)
        if r.returncode != 0 or agent.mentions(t.box.bytes(), m) != 1:
            bad.append(f"{sender!r}: exit {r.returncode}, not stored")
        elif got and got[0][0] != [b"-i", b"-f", b"<>", b"--", sender]:
            bad.append(f"{sender!r}: sendmail got {got[0][0]}")
        elif got and b"\nTo: " + sender + b"\n" not in got[0][1]:
            bad.append(f"{sender!r}: To: {got[0][1][:200]!r}")
    check(f"hostile senders: each is stored; {answered} are answered, as one argument behind `--`", not bad and answered > 60, "\n".join(bad[:12]))


def unseen(t):
    """What is answered is no copy of what was written: nothing of a question's body goes back."""
    t.fresh()
    m = Message(1)
    m.text += b"secret words\n"
    t.box.deliver(m)
    text = t.answers()[0][1]
    check("nothing of the message but its subject comes back", b"secret" not in text and b"number" in text, text)
    contains("an undisturbed answer", text, b"Subject: Away (number)\n")


def main():
    t = Trial()
    calls = points(t)
    killed(t, calls)
    failing(t, calls)
    for part in (sendmails, unusable, together, hostile_fields, long_header, hostile_senders, unseen):
        part(t)
    done()


main()
