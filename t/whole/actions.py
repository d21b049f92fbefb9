#!/usr/bin/python3
"""What virtual-deliver does with a message besides storing it: lists, files, commands, forwards, filters, other agents,
quotas; in which order, what it tells programs, and how it takes whatever they do.
"""
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from acting import BODY, UID, Acting  # noqa: E402
from scratch import read, write  # noqa: E402
from tap import check, done, equal  # noqa: E402

FROM = re.compile(rb"\AFrom \S+ .{24}\n")


def undated(message):
    return FROM.sub(b"", message)


def answered(sentence, r, status, code=b"", part=b""):
    """The exit status, the enhanced status code that comes with it, and a part of the sentence."""
    good = r.returncode == status and (r.stdout.startswith(code + b" ") if code else r.stdout == b"") and part in r.stdout
    return check(f"{sentence}: {status} {code.decode()}", good, f"{r.returncode} {r.stdout!r}")


def form(a, recipient, **more):
    """The message as a program of a delivery reads it, From_ line aside."""
    top = a.top_of(recipient, **more).split(b"\n", 1)[1]
    return re.sub(rb"Delivered-To: \S+", b"Delivered-To: " + recipient.encode(), top, count=1) + BODY


# --- lists, files, discarding ---

def lists(a):
    cmd = a.recorder("cmd")
    a.aliases(f'team: abc, def, nest\nnest: ghi, abc, "|{cmd} one", out@example.org, {a.folder}/archive, {a.folder}/box/\n')
    r = a.deliver("team@kvt.dk")
    answered("a list of everything", r, 0)
    equal("a list: each mailbox has it once, a user who is named twice too", a.counts("abc", "def", "ghi", "archive", "box"), [1] * 5)
    equal("a list: an mbox has the quotes, and a Maildir has not", [b"\n>From here" in a.stored(n)[0] for n in ("abc", "archive", "box")], [True, True, False])
    calls = a.calls("cmd")
    equal("a list: its command was started once, with its argument", [c.args for c in calls], [[b"one"]])
    equal("a command reads the message with its From_ line, without quotes", undated(calls[0].input), form(a, "team@kvt.dk"))
    check("a command's From_ line", FROM.match(calls[0].input), calls[0].input)
    sent = a.calls("sendmail")
    equal("a list: one call of sendmail", [c.args for c in sent], [[b"-i", b"-f", b"s@example.org", b"--", b"out@example.org"]])
    want = form(a, "team@kvt.dk")
    equal("what is sent on begins with our Delivered-To, and the rest is as it came", sent[0].input, want[want.index(b"Delivered-To"):])
    lines = a.log_of()
    equal("a list: a line about the forward, and one about the message", len(lines), 2)
    check("a list: the line says what was done", "status=5 stored, 1 handed over, 1 forwarded, ms=" in lines[-1], lines)
    equal("a list: nothing is left over", a.litter(), [])
    again = a.deliver("team@kvt.dk")
    answered("the same message again", again, 0)
    equal("the same message again: nothing is done twice", (a.counts("abc", "def", "ghi", "archive", "box"), a.calls("cmd"), a.calls("sendmail")), ([1] * 5, [], []))
    check("the same message again: the log says so", "status=5 stored before, 2 done before" in a.log_of()[-1])
    a.deliver("abc@kvt.dk")
    equal("the same message to abc@ is another one", a.counts("abc"), [2])
    a.empty()


def without_an_id(a):
    cmd = a.recorder("cmd")
    a.aliases(f'team: abc, "|{cmd}"\n')
    for _ in range(2):
        answered("a message that no Postfix of this host received", a.deliver("team@kvt.dk", queue_id=None), 0)
    equal("no id: it counts as another one each time", (a.counts("abc"), len(a.calls("cmd"))), ([2], 2))
    equal("no id: nothing is recorded", os.path.exists(os.path.join(a.folder, ".files", ".actions.done")), False)
    a.empty()


def fallbacks(a):
    cmd = a.recorder("cmd")
    for value, user, want in (("abc", "abc", []), ("team", "def", []), ("|" + cmd + " %d %f %u", None, [[b"kvt.dk", b"s@example.org", b"nosuch"]]),
                              ("out@example.org", None, "out@example.org"), ("@example.org", None, "nosuch@example.org"), ("delete", None, [])):
        a.aliases("team: def\n")
        a.settings("domain.conf", f"fallback = {value}\n")
        answered(f"fallback = {value.split(' ')[0]}", a.deliver("nosuch@kvt.dk"), 0)
        equal(f"fallback = {value.split(' ')[0]}: who has it", [n for n in ("abc", "def", "ghi") if a.counts(n) == [1]], [user] if user else [])
        if isinstance(want, str):
            equal(f"fallback = {value}: sent to", [c.args[4:] for c in a.calls("sendmail")], [[want.encode()]])
        else:
            equal("its command's arguments", [c.args for c in a.calls("cmd")], want)
        if value == "delete":
            check("fallback = delete: the log says dropped", "status=dropped" in a.log_of()[-1])
        a.empty()
        a.log_of()
    a.settings("domain.conf", None)
    answered("no fallback", a.deliver("nosuch@kvt.dk"), 67, b"5.1.1")


def files(a):
    """A file target is opened as a mailbox is."""
    target = a.path("target")
    write(target, "precious\n", 0o600)
    os.chown(target, UID, UID)
    box = os.path.join(a.folder, "archive")
    a.aliases(f"keep: {box}\nhome: {a.home}/Mail/sub/box\n")

    def link():
        os.symlink(target, box)

    def hard():
        write(os.path.join(a.folder, "other"), "", 0o600)
        os.chown(os.path.join(a.folder, "other"), UID, UID)
        os.link(os.path.join(a.folder, "other"), box)

    def fifo():
        os.mkfifo(box, 0o600)
        os.chown(box, UID, UID)

    def mode(m, owner=UID):
        write(box, "", m)
        os.chown(box, owner, owner)
    for sentence, make in (("a symlink", link), ("a hard link", hard), ("a FIFO", fifo),
                           ("executable", lambda: mode(0o700)), ("writable by others", lambda: mode(0o622)), ("root's", lambda: mode(0o600, 0))):
        make()
        answered(f"a file that is {sentence}", a.deliver("keep@kvt.dk"), 75, b"4.3.0" if sentence == "root's" else b"4.3.5")
        os.unlink(box)
    equal("what it leads to is untouched", read(target), b"precious\n")
    a.empty()
    a.domain_folder(a.home + "/Mail/sub")
    answered("a file below HOME/Mail", a.deliver("home@kvt.dk"), 0)
    check("a file below HOME/Mail: it is there", b"\n>From here" in read(a.home + "/Mail/sub/box"))
    os.chmod(a.home + "/Mail/sub", 0o777)
    answered("a file in a folder that all may write", a.deliver("home@kvt.dk", queue_id="4BBCDE12345"), 75, b"4.3.5", f"folder {a.home}/Mail/sub has".encode())
    os.chmod(a.home + "/Mail/sub", 0o700)
    os.rename(a.home + "/Mail/sub", a.path("elsewhere"))
    os.symlink(a.path("elsewhere"), a.home + "/Mail/sub")
    answered("a file behind a folder that is a symlink", a.deliver("home@kvt.dk", queue_id="4CBCDE12345"), 75, b"4.3.5")
    os.unlink(a.home + "/Mail/sub")
    answered("a file in a folder that is missing", a.deliver("home@kvt.dk", queue_id="4DBCDE12345"), 75, b"4.3.5")
    a.empty()


# --- commands ---

def environment(a):
    a.aliases(f'list: "|{a.recorder("cmd")} *.c"\n')
    a.settings("users/abc", f"filter = {a.recorder('filter', 'cat $d/input 2>/dev/null; echo Subject: x')}\n")
    secret = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(secret, True)
    r = subprocess.run([a.program, "-c", a.etc, "list@kvt.dk"], input=a.top_of("list+a.b@y.z.kvt.dk", original="list+a.b@y.z.kvt.dk") + BODY,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, user=UID, group=UID, extra_groups=[], check=False, pass_fds=[secret],
                       env={"HOME": a.home, "PATH": "/evil", "LD_PRELOAD": "", "IFS": "x", "SHELL": "/evil", "MAIL_CONFIG": "/etc/postfix",
                            "EXTENSION": "", "TZ": "CET", "LANG": "da_DK", "BASH_ENV": "/evil"}, umask=0)
    os.close(secret)
    equal("a delivery in a strange environment", (r.returncode, r.stdout), (0, b""))
    c = a.calls("cmd")[0]
    want = {"PATH": "/usr/bin:/bin", "HOME": a.home, "USER": "list", "RECIPIENT": "list+a.b@y.z.kvt.dk", "LOCAL": "list+a.b", "HOST": "y.z.kvt.dk",
            "HOST2": "y.z.kvt", "HOST3": "y.z", "HOST4": "y", "EXT": "a.b", "EXTENSION": "a.b", "DOMAIN": "kvt.dk", "SENDER": "s@example.org",
            "ORIGINAL_RECIPIENT": "list+a.b@y.z.kvt.dk", "MAIL_CONFIG": "/etc/postfix", "PWD": a.home}
    equal("a command's environment is this, and nothing else", {k.decode(): v.decode() for k, v in c.env.items() if k != b"_"}, want)
    equal("a command's argument is not expanded", c.args, [b"*.c"])
    equal("a command's folder and umask", c.cwd, f"{a.home}\n0077\n")
    equal("a command has no descriptor but its three (and the shell's own)", [d for d in c.fds.split() if int(d) not in (0, 1, 2, 10, 11)], [])
    ids = dict(re.findall(r"^(Uid|Gid|Groups|CapPrm|CapEff|CapInh):[ \t]*(.*?)[ \t]*$", c.status, re.M))
    equal("a command is the account, wholly", (ids["Uid"].split(), ids["Gid"].split(), ids["Groups"], {ids[k] for k in ("CapPrm", "CapEff", "CapInh")}),
          ([str(UID)] * 4, [str(UID)] * 4, "", {"0" * 16}))
    a.deliver("abc+tag.x@kvt.dk", sender="")
    c = a.calls("filter")[0]
    equal("a filter's environment: user, tag, null sender", [c.env[k] for k in (b"USER", b"EXT", b"EXTENSION", b"LOCAL", b"SENDER", b"RECIPIENT", b"HOST2")],
          [b"abc", b"tag.x", b"tag.x", b"abc+tag.x", b"", b"abc+tag.x@kvt.dk", b"kvt"])
    ids = dict(re.findall(r"^(Uid|Gid|Groups|CapEff):[ \t]*(.*?)[ \t]*$", c.status, re.M))
    equal("a filter is the account, wholly", (ids["Uid"].split(), ids["Groups"], ids["CapEff"]), ([str(UID)] * 4, "", "0" * 16))
    a.settings("users/abc", None)
    a.empty()
    a.log_of()


def statuses(a):
    """Every exit status of a command and of a filter."""
    local = {0: (0, b""), 99: (0, b""), 67: (67, b"5.1.1"), 68: (77, b"5.1.2"), 65: (77, b"5.6.0"), 73: (67, b"5.2.0"), 76: (77, b"5.5.0"),
             77: (77, b"5.7.1"), 78: (77, b"5.3.5"), **{n: (77, b"5.3.0") for n in (64, 66, 69, 70, 72, 74, 100)}}
    filters = {0: (0, b""), 99: (0, b""), **{n: (77, b"5.7.1") for n in (67, 77, 100)}}
    a.script("exits", "#!/bin/sh\n" 'echo "words first"; echo noise >&2; echo "the reason" >&2; exit "$1"\n')
    bad = []
    for what, table in (("command", local), ("filter", filters)):
        for status in range(256):
            a.aliases(f'list: "|{a.path("exits")} {status}"\n')
            a.settings("users/abc", f"filter = {a.path('exits')} {status}\n")
            r = a.deliver("list@kvt.dk" if what == "command" else "abc@kvt.dk", queue_id=None)
            want = table.get(status, (75, b"4.3.0"))
            good = (r.returncode, r.stdout[:len(want[1])]) == want and (b": the reason" in r.stdout) == (want[0] != 0)
            if not good:
                bad.append(f"{what} {status}: {r.returncode} {r.stdout!r}")
    check("each of 256 exit statuses of a command and of a filter means what the manual says", not bad, "\n".join(bad[:12]))
    equal("a filter with status 0 and output stores it, and no other does", [undated(m).split(b"\n")[1] for m in a.stored("abc")], [b""])
    a.settings("users/abc", None)
    for said, status, want in (("5.7.7 no way", 75, (77, b"5.7.7 ")), ("4.2.2 full", 100, (75, b"4.2.2 ")), ("5.2.2 full", 1, (67, b"5.2.2 ")),
                               (" 5.7.7 no", 75, (75, b"4.3.0 ")), ("550 5.2.2 x", 75, (75, b"4.3.0 ")), ("2.0.0 ok", 1, (75, b"4.3.0 ")),
                               ("5.7.7", 75, (77, b"5.7.7 ")), ("5.7.7x", 75, (75, b"4.3.0 ")), ("5.1234.1 x", 75, (75, b"4.3.0 ")), ("5.7.7 x", 0, (0, b""))):
        for to in (1, 2):
            a.script("says", f"#!/bin/sh\necho '{said}' >&{to}\nexit {status}\n")
            a.aliases(f'list: "|{a.path("says")}"\n')
            r = a.deliver("list@kvt.dk", queue_id=None)
            equal(f"a command that says `{said}` on descriptor {to} and ends with {status}", (r.returncode, r.stdout[:6]), want)
    a.script("says", "#!/bin/sh\nprintf '5.7.7 a\\033[2Jb\\000c\\n'; exit 1\n")
    answered("control characters in a reason are none in the bounce", a.deliver("list@kvt.dk", queue_id=None), 77, b"5.7.7", b"a?[2Jb")
    a.empty()
    a.log_of()


HOSTILE = [
    ("hangs", "exec sleep 100", 75), ("hangs with its output closed", "exec >&- 2>&-; exec sleep 100", 75),
    ("stops itself", "kill -STOP $$", 75), ("ignores what could end it", "trap '' TERM HUP INT; cat >/dev/null; while :; do sleep 50; done", 75),
    ("is killed", "kill -9 $$", 75), ("crashes", "kill -SEGV $$", 75), ("floods its errors and fails", "head -c 30000000 /dev/zero >&2; exit 1", 75),
    ("cannot be started", None, 75),
]


def hostile_programs(a):
    """Commands and filters that hang, flood, die, close their input, leave children behind."""
    a.change_settings(command_time_limit=1)
    for what in ("command", "filter"):
        for sentence, script, status in HOSTILE + ([("floods", "cat /dev/zero", 75)] if what == "filter" else []):
            a.script("hostile", f"#!/bin/sh\n{script}\n" if script else "#!/no/such/interpreter\n")
            a.aliases(f'list: def, "|{a.path("hostile")}", out@example.org\n')
            a.settings("users/abc", f"filter = {a.path('hostile')}\n")
            begin = time.monotonic()
            r = a.deliver("list@kvt.dk" if what == "command" else "abc@kvt.dk", queue_id=None)
            answered(f"a {what} that {sentence}", r, status, b"4.3.0")
            check(f"a {what} that {sentence}: in time", time.monotonic() - begin < 8)
            equal(f"a {what} that {sentence}: its own mailbox is untouched, the list's other one has the message, and nothing was sent",
                  (a.counts("abc"), a.counts("def"), a.calls("sendmail")), ([0], [1 if what == "command" else 0], []))
            a.empty()
    a.change_settings(command_time_limit=20)
    a.script("quits", "#!/bin/sh\nexec <&-\necho Subject: mine\necho\necho text\n")
    a.settings("users/abc", f"filter = {a.path('quits')}\n")
    big = BODY + b"x" * 70 * 20000
    answered("a filter that closes its input at once", a.deliver("abc@kvt.dk", big), 0)
    equal("what it wrote is stored", undated(a.stored("abc")[0]), b"Return-Path: <s@example.org>\nSubject: mine\n\ntext\n")
    pids = a.path("work", "pids")
    a.script("leaves", f"#!/bin/sh\ncat; sleep 300 & echo $! >>{pids}; setsid sleep 301 & echo $! >>{pids}; sleep 0.5; exit 0\n")
    a.settings("users/abc", f"filter = {a.path('leaves')}\n")
    begin = time.monotonic()
    answered("a filter that leaves children behind, with its output open", a.deliver("abc@kvt.dk", queue_id="4BBCDE12345"), 0)
    check("children that a filter left are not waited for", time.monotonic() - begin < 10)
    time.sleep(0.2)
    inside, outside = [int(n) for n in read(pids).split()]
    equal("the one in its group is gone; the one that left it is not ours to end", (alive(inside), alive(outside)), (False, True))
    os.kill(outside, 9)
    os.unlink(pids)
    a.settings("users/abc", None)
    a.change_settings(command_time_limit=300)
    a.empty()
    a.log_of()


def alive(pid):
    stat = read(f"/proc/{pid}/stat")
    return bool(stat) and stat.rpartition(b")")[2].split()[0] != b"Z"


# --- filters ---

def filters(a):
    received = a.top_of("abc@kvt.dk").split(b"Received:", 1)[1]
    for sentence, script, want in (
            ("changes nothing", "cat", b"Return-Path: <s@example.org>\nX-Original-To: abc@kvt.dk\nDelivered-To: abc@kvt.dk\nReceived:" + received
             + BODY.replace(b"\nFrom", b"\n>From")),
            ("adds a field", "echo 'X-Spam-Flag: YES'; cat", None), ("changes the text", "sed s/hello/changed/", None),
            ("writes From_ lines", "printf 'Subject: x\\n\\nFrom a\\n>From b\\nFrom'", b"Return-Path: <s@example.org>\nSubject: x\n\n>From a\n>>From b\nFrom\n"),
            ("begins with a From_ line", "printf 'From me\\nSubject: x\\n\\ny\\n'", b"Return-Path: <s@example.org>\n\n>From me\nSubject: x\n\ny\n"),
            ("forges a Return-Path", "printf 'Return-Path: <root@x>\\nSubject: x\\n\\ny\\n'", b"Return-Path: <s@example.org>\nSubject: x\n\ny\n"),
            ("writes no header", "printf 'just text\\n'", b"Return-Path: <s@example.org>\n\njust text\n"),
            ("writes a header alone", "printf 'Subject: x\\n'", b"Return-Path: <s@example.org>\nSubject: x\n\n"),
            ("writes NULs and no last newline", "printf 'A: b\\n\\n\\000\\001'", b"Return-Path: <s@example.org>\nA: b\n\n\0\1\n"),
            ("writes 9 MB more", "cat; head -c 9000000 /dev/zero", None)):
        a.script("filter", f"#!/bin/sh\n{script}\n")
        a.settings("users/abc", f"filter = {a.path('filter')}\n")
        answered(f"a filter that {sentence}", a.deliver("abc@kvt.dk"), 0)
        got = undated(a.stored("abc")[0]) if a.counts("abc") == [1] else None
        if want is not None:
            equal(f"a filter that {sentence}: what is stored", got, want)
        else:
            check(f"a filter that {sentence}: one message", got is not None, got)
        again = a.deliver("abc@kvt.dk")
        equal(f"a filter that {sentence}: a retry stores nothing twice", (again.returncode, a.counts("abc")), (0, [1]))
        a.empty()
    a.log_of()
    for sentence, script in (("writes nothing", "cat >/dev/null"), ("ends with 99", "cat; exit 99")):
        a.script("filter", f"#!/bin/sh\necho . >>{a.path('work', 'runs')}\n{script}\n")
        answered(f"a filter that {sentence}", a.deliver("abc@kvt.dk"), 0)
        lines = a.log_of()
        equal(f"a filter that {sentence}: nothing is stored, and the log says dropped", (os.path.exists(a.mailbox("abc")) and a.counts("abc"), [("status=dropped" in l) for l in lines]),
              (a.counts("abc") if os.path.exists(a.mailbox("abc")) else False, [True, True]))
        a.deliver("abc@kvt.dk")
        equal(f"a filter that {sentence}: a retry does not ask it again", read(a.path("work", "runs")), b".\n")
        os.unlink(a.path("work", "runs"))
        a.empty()
        a.log_of()
    domain_filters(a)


def domain_filters(a):
    mark = a.script("mark", '#!/bin/sh\necho "X-Mark: $1 $2 $3 $4"; cat\n')
    a.settings("domain.conf", f"filter = {mark} domain %d %u %f\n")
    a.settings("users/abc", f"filter = {mark} own\n")
    a.settings("users/def", "filter =\n")
    a.aliases("all: abc, def, ghi\n")
    answered("filters of a domain and of its users", a.deliver("all@kvt.dk"), 0)
    marks = [re.findall(rb"X-Mark: (.*?) *\n", m) for n in ("abc", "def", "ghi") for m in a.stored(n)]
    equal("a user's own goes before his domain's, and an empty one is none", marks, [[b"own"], [], [b"domain kvt.dk ghi s@example.org"]])
    a.empty()
    a.settings("domain.conf", None)
    for text in (f"filter = {mark} $HOME", "filter = mark", f"filter = {mark} %x", f"filter = {mark} 'x"):
        a.settings("users/abc", text + "\n")
        answered(f"`{text.replace(mark, 'MARK')}`", a.deliver("abc@kvt.dk"), 75, b"4.3.5")
    a.settings("users/abc", f"filter = {mark} '$HOME' \"a  b\"\n")
    a.deliver("abc@kvt.dk")
    check("quotes around an argument, and no shell", b"X-Mark: $HOME a  b" in a.stored("abc")[0], a.stored("abc"))
    a.settings("users/abc", None)
    a.settings("users/def", None)
    a.empty()
    a.log_of()


def without_commands(a):
    """Root does not want programs of this domain."""
    write(os.path.join(a.etc, "domains"), "kvt.dk commands=no\n")
    cmd = a.recorder("cmd")
    a.aliases(f'list: "|{cmd}"\n')
    for name in ("filter", "deliver_with", "after_storing"):
        a.settings("users/abc", f"{name} = {cmd}\n")
        answered(f"commands=no, and {name}", a.deliver("abc@kvt.dk"), 75, b"4.3.5", b"commands=no")
    answered("commands=no, and a command of an alias", a.deliver("list@kvt.dk"), 75, b"4.3.5", b"commands=no")
    a.settings("users/abc", None)
    answered("commands=no, and no program", a.deliver("abc@kvt.dk"), 0)
    equal("commands=no: none was started", a.calls("cmd"), [])
    os.unlink(os.path.join(a.etc, "domains"))
    a.empty()
    a.log_of()


def payloads(a):
    """Whatever stands in sender, recipient and tag arrives as it is, as one argument each, and is never executed."""
    trap = a.path("work", "trap")
    shell = [f"$(touch {trap})", f"`touch {trap}`", f";touch {trap};", f"|touch {trap}", f"&touch {trap}&", f"\ntouch {trap}\n", f">{trap}", f"<{trap}",
             f"$(touch${{IFS}}{trap})", f"'; touch {trap}; '", f'"; touch {trap}; "', f"\\$(touch {trap})", f"%0atouch {trap}", f"{{touch,{trap}}}",
             "*", "?", "[a-z]", "~", "~root", "$HOME", "${PATH}", "$0", "$$", "!!", "!touch", "#", "\\", "\\\\", "'", '"', "''", "a b", "\t", "-x",
             "--help", "-f root", "../../etc", "/etc/hostname", "%s%n%s%n", "%d%f%u", "${IFS}", "$'\\x41'", "{a,b}", "()", "a;b|c&d"]
    every = [bytes([n]).decode("utf-8", "surrogateescape") for n in range(1, 256) if n not in (10, 13)]
    shell += ["".join(every[n:n + 16]) for n in range(0, len(every), 16)]
    a.recorder("cmd")
    a.settings("domain.conf", f"fallback = |{a.path('cmd')} %f %u x%fx\n")
    a.aliases(f'list: "|{a.path("cmd")}"\nf: out@example.org\n')
    bad, tried = [], 0
    for payload in shell:
        line = payload.replace("\n", " ")
        tried += 1
        sender = f"{line}@example.org"
        r = a.deliver("list@kvt.dk", sender=sender, queue_id=None, env={"EXTENSION": ""})
        for c in a.calls("cmd"):
            want = "".join("?" if ord(ch) < 32 or ord(ch) == 127 else ch for ch in sender).encode("utf-8", "surrogateescape")
            if c.env[b"SENDER"] != want:
                bad.append(f"SENDER {payload!r}: {c.env[b'SENDER']!r}")
        if r.returncode != 0:
            bad.append(f"sender {payload!r}: {r.returncode} {r.stdout!r}")
        r = a.deliver(f"list+{payload}@kvt.dk", queue_id=None, original="x@example.org")
        for c in a.calls("cmd"):
            if len(c.args) == 0 and b"?" not in c.env[b"EXT"] and c.env[b"EXT"] != payload.encode("utf-8", "surrogateescape"):
                bad.append(f"EXT {payload!r}: {c.env[b'EXT']!r}")
        if r.returncode not in (0, 67, 75):
            bad.append(f"tag {payload!r}: {r.returncode} {r.stdout!r}")
        a.calls("cmd")
        a.deliver(f"{payload}zz@kvt.dk", sender=sender, queue_id=None, original="x@example.org")
        for c in a.calls("cmd"):
            from_ = sender.encode("utf-8", "surrogateescape")
            if c.args != [from_, c.args[1], b"x" + from_ + b"x"] or not c.args[1].endswith(b"zz"):
                bad.append(f"arguments {payload!r}: {c.args!r}")
        r = a.deliver("f@kvt.dk", sender=sender, queue_id=None)
        for c in a.calls("sendmail"):
            if c.args[:2] != [b"-i", b"-f"] or c.args[3:] != [b"--", b"out@example.org"] or c.args[2] != sender.encode("utf-8", "surrogateescape"):
                bad.append(f"sendmail {payload!r}: {c.args!r}")
    check(f"{tried} payloads in sender, tag, recipient and tokens arrive as they are", not bad, "\n".join(bad[:12]))
    check("nothing was executed", not os.path.exists(trap))
    a.settings("domain.conf", None)
    a.empty()
    a.log_of()


# --- forwards ---

def forwards(a):
    a.aliases("f: out@example.org, x@example.net\nlist: m1@example.org, sub, abc\nowner-list: def\nsub: m2@example.org, out2@example.net\nowner-sub: ghi\n")
    for sentence, sender, want in (("an ordinary sender", "s@example.org", b"s@example.org"), ("the null sender", "", b"<>"),
                                   ("a sender that begins with a dash", "-oQ/tmp@example.org", b"-oQ/tmp@example.org"), ("a quoted sender", '"a b"@example.org', b'"a b"@example.org')):
        answered(f"a forward, {sentence}", a.deliver("f@kvt.dk", sender=sender), 0)
        equal(f"a forward, {sentence}: one call, and nothing becomes an option", [c.args for c in a.calls("sendmail")],
              [[b"-i", b"-f", want, b"--", b"out@example.org", b"x@example.net"]])
        a.empty()
    answered("lists with owners", a.deliver("list@kvt.dk"), 0)
    equal("each owner's members are one call, with the owner as sender", sorted(c.args[2:] for c in a.calls("sendmail")),
          [[b"owner-list@kvt.dk", b"--", b"m1@example.org"], [b"owner-sub@kvt.dk", b"--", b"m2@example.org", b"out2@example.net"]])
    equal("and the local member has it", a.counts("abc"), [1])
    a.empty()
    a.aliases("both: direct@example.org, list\nlist: m1@example.org\nowner-list: def\n")
    answered("a list's owner writes to it and to others", a.deliver("both@kvt.dk", sender="owner-list@kvt.dk"), 0)
    equal("a list's owner writes to it and to others: all get it", sorted(t for c in a.calls("sendmail") for t in c.args[4:]), [b"direct@example.org", b"m1@example.org"])
    a.empty()
    forwards_that_fail(a)
    notes_that_fail(a)
    large_lists(a)
    users_forwards(a)


def forwards_that_fail(a):
    a.aliases("f: abc, out@example.org\n")
    for sentence, then in (("ends with 75", "echo 'sendmail: fatal: queue is full' >&2; exit 75"), ("ends with 64", "exit 64"), ("is killed", "kill -9 $$"), ("hangs", "exec sleep 50")):
        a.recorder("sendmail", then)
        a.change_settings(command_time_limit=1)
        r = a.deliver("f@kvt.dk")
        answered(f"sendmail that {sentence}", r, 75, b"4.3.0", b"queue is full" if "75" in sentence else b"")
        equal(f"sendmail that {sentence}: stored, and tried", (a.counts("abc"), len(a.calls("sendmail"))), ([1], 1))
        a.recorder("sendmail")
        answered(f"sendmail that {sentence}: the retry", a.deliver("f@kvt.dk"), 0)
        equal(f"sendmail that {sentence}: the retry sends, and stores nothing twice", (a.counts("abc"), len(a.calls("sendmail"))), ([1], 1))
        a.deliver("f@kvt.dk")
        equal(f"sendmail that {sentence}: what was sent is not sent again", (a.counts("abc"), a.calls("sendmail")), ([1], []))
        a.empty()
    os.unlink(a.path("sendmail"))
    answered("sendmail that is not there", a.deliver("f@kvt.dk"), 75, b"4.3.5")
    a.recorder("sendmail")
    a.change_settings(command_time_limit=300)
    a.empty()
    a.log_of()


def notes_that_fail(a):
    """What was done and could not be noted would be done again by a retry: the log names it."""
    cmd = a.recorder("cmd")
    a.log_of()
    fault = ["/usr/bin/strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=ENOSPC"]
    for line, does, said in ((f'f: "|{cmd}"', "cmd", f"what was done for {cmd}"), ("f: out@example.org, x@example.net", "sendmail", "the call of sendmail for 2 addresses, out@example.org ...,"),
                             ("f: out@example.org", "sendmail", "the call of sendmail for 1 address, out@example.org,")):
        a.aliases(line + "\n")
        answered(f"{line}: it is done, whatever became of its note", a.deliver("f@kvt.dk", before=fault, env={"ASAN_OPTIONS": "detect_leaks=0"}), 0)
        lines = a.log_of("could not be noted")
        equal(f"{line}: done once", len(a.calls(does)), 1)
        check(f"{line}: a line of the log says that a retry would do it again",
              len(lines) == 1 and f"4ABCDE12345: {said} could not be noted in {a.folder}/.files/.actions.done (No space left on device): another try of this message would repeat it" in lines[0], lines)
        a.empty()
    a.aliases("f: out@example.org\n")
    answered("without an id nothing could be noted", a.deliver("f@kvt.dk", queue_id=None), 0)
    equal("and nothing is said", a.log_of("could not be noted"), [])
    a.empty()


def large_lists(a):
    members = [f"member{n:05}@example.org" for n in range(5000)]
    a.settings("include/all", "".join(m + "\n" for m in members))
    a.aliases("big: :include:all\n")
    answered("a list of 5,000 members", a.deliver("big@kvt.dk"), 0)
    calls = a.calls("sendmail")
    equal("5,000 members: one call, in their order", [[w.decode() for w in c.args[4:]] for c in calls], [members])
    a.empty()
    prlimit = ["/usr/bin/prlimit", "--stack=524288"]
    answered("5,000 members, arguments of 128 KiB at most", a.deliver("big@kvt.dk", before=prlimit), 0)
    calls = a.calls("sendmail")
    equal("few calls, each member in one", (1 < len(calls) < 5, [w.decode() for c in calls for w in c.args[4:]]), (True, members))
    a.empty()
    a.recorder("sendmail", f'[ -e {a.path("work", "once")} ] && exit 75; touch {a.path("work", "once")}')
    answered("the second of several calls fails", a.deliver("big@kvt.dk", before=prlimit), 75, b"4.3.0")
    first, *others = a.calls("sendmail")
    a.recorder("sendmail")
    answered("the second of several calls fails: the retry", a.deliver("big@kvt.dk", before=prlimit), 0)
    equal("the retry sends what is left, and nothing twice", [w.decode() for c in a.calls("sendmail") for w in c.args[4:]], [m for m in members if m.encode() not in first.args])
    equal("it stopped at the one that failed", len(others), 1)
    a.empty()
    a.settings("include/all", None)
    a.log_of()


def users_forwards(a):
    for keep, want in (("yes", 1), ("no", 0)):
        a.settings("users/abc", f"forward = out@example.org, other@example.net\nkeep_copy = {keep}\n")
        answered(f"a user's forward, keep_copy = {keep}", a.deliver("abc@kvt.dk"), 0)
        equal(f"keep_copy = {keep}: stored and sent", (a.counts("abc"), [c.args[4:] for c in a.calls("sendmail")]), ([want], [[b"out@example.org", b"other@example.net"]]))
        a.empty()
    a.settings("users/abc", None)
    a.log_of()


# --- order ---

def order(a):
    """Filters and mailboxes, then commands, then forwards; nothing is sent while something is left to be tried again."""
    cmd = a.recorder("cmd")
    a.recorder("after")
    a.settings("users/abc", f"filter = {a.recorder('filter', 'echo A: b')}\nafter_storing = {a.path('after')} x\n")
    a.aliases(f'all: out@example.org, "|{cmd}", def, abc\n')
    answered("everything", a.deliver("all@kvt.dk"), 0)
    times = {n: a.calls(n, forget=False)[0].at.split(".")[1] for n in ("filter", "cmd", "sendmail", "after")}
    equal("the order of things", sorted(times, key=times.get), ["filter", "cmd", "sendmail", "after"])
    equal("after_storing has its argument, and no message", [(c.args, c.input) for c in a.calls("after")], [([b"x"], b"")])
    a.empty()
    blocked = a.mailbox("def")
    os.mkdir(blocked, 0o755)
    r = a.deliver("all@kvt.dk")
    answered("one mailbox of a list cannot be written to", r, 75, b"4.3.5")
    equal("the others have the message, the command ran, and nothing was sent or came after", (a.counts("abc"), [len(a.calls(n)) for n in ("filter", "cmd", "sendmail", "after")]), ([1], [1, 1, 0, 0]))
    check("the log names the one that failed", any("action=def" in l and "status=deferred" in l for l in a.log_of()))
    a.deliver("all@kvt.dk")
    equal("a retry while it lasts: nothing is done again", (a.counts("abc"), [len(a.calls(n)) for n in ("filter", "cmd", "sendmail", "after")]), ([1], [0, 0, 0, 0]))
    os.rmdir(blocked)
    answered("a retry when it is mended", a.deliver("all@kvt.dk"), 0)
    equal("the rest is done then, and nothing else", (a.counts("abc", "def"), [len(a.calls(n)) for n in ("filter", "cmd", "sendmail", "after")]), ([1, 1], [0, 0, 1, 1]))
    a.empty()
    a.settings("users/abc", f"filter = {a.recorder('filter', 'exit 99')}\nafter_storing = {a.path('after')} x\n")
    os.mkdir(blocked, 0o755)
    answered("a filter that drops, in a list that is deferred", a.deliver("all@kvt.dk"), 75, b"4.3.5")
    os.rmdir(blocked)
    answered("a filter that drops: the retry", a.deliver("all@kvt.dk"), 0)
    equal("what was dropped at the first try is not asked about again, and nothing comes after it", [len(a.calls(n)) for n in ("filter", "sendmail", "after")], [1, 1, 0])
    a.empty()
    a.log_of()
    refusals(a)


def refusals(a):
    """One of several refuses for ever: the sender hears of it, the others have the message."""
    a.script("no", "#!/bin/sh\necho 5.7.1 not for me; exit 1\n")
    a.settings("users/abc", None)
    a.aliases(f'all: abc, "|{a.path("no")}", out@example.org\n')
    answered("one command of a list refuses", a.deliver("all@kvt.dk"), 77, b"5.7.1", b"not for me")
    equal("the others have the message", (a.counts("abc"), len(a.calls("sendmail"))), ([1], 1))
    a.empty()
    a.recorder("after", "echo broken >&2; exit 75")
    a.settings("users/abc", f"after_storing = {a.path('after')}\n")
    a.log_of()
    answered("after_storing that fails", a.deliver("abc@kvt.dk"), 0)
    check("it is logged, and nothing else", any("after_storing" in l and "broken" in l for l in a.log_of("")), a.log.lines)
    a.settings("users/abc", None)
    a.empty()


def agents(a):
    """deliver_with: another agent stores in our place."""
    rc = write(a.path("rc"), f"DEFAULT={a.folder}/by-procmail\n")
    a.settings("users/abc", f"deliver_with = /usr/bin/procmail -m {rc}\nfilter = /bin/sed s/hello/filtered/\n")
    answered("deliver_with procmail", a.deliver("abc@kvt.dk"), 0)
    got = read(os.path.join(a.folder, "by-procmail"))
    check("deliver_with procmail: it has the filtered message, with its From_ line", got.startswith(b"From ") and b"\nfiltered\n" in got, got)
    check("deliver_with procmail: and we stored nothing", not os.path.exists(a.mailbox("abc")))
    check("deliver_with procmail: the log says so", "status=handed over" in a.log_of()[-1])
    a.deliver("abc@kvt.dk")
    equal("deliver_with procmail: not handed over twice", read(os.path.join(a.folder, "by-procmail")), got)
    a.empty()
    a.log_of()
    a.script("agent", "#!/bin/sh\ncat >/dev/null; echo 4.2.2 no room; exit 100\n")
    a.settings("users/abc", f"deliver_with = {a.path('agent')}\nquota = 1\n")
    answered("an agent that defers in its own words", a.deliver("abc@kvt.dk"), 75, b"4.2.2", b"no room")
    a.settings("users/abc", None)
    a.empty()
    a.log_of()


# --- loops ---

def loops(a):
    cmd = a.recorder("cmd")
    a.aliases(f'sales: abc, out@example.org, "|{cmd}"\nonly: out@example.org\njoe.who: abc\nabc+out: out@example.org\nabc+in: def, abc\n')
    a.settings("domain.conf", "fallback = @example.org\n")
    for recipient, line in (("sales@kvt.dk", "sales@kvt.dk"), ("sales@kvt.dk", "SALES+x@KVT.dk"), ("sales+y@kvt.dk", "<sales@kvt.dk>"), ("only@kvt.dk", "only@kvt.dk"),
                            ("nobody@kvt.dk", "nobody@kvt.dk"), ("nobody+a@kvt.dk", "Nobody+b@kvt.dk"), ("abc@kvt.dk", "abc@kvt.dk"),
                            ("abc@kvt.dk", "abc+x@kvt.dk"), ("abc+out@kvt.dk", "ABC+out@kvt.dk")):
        answered(f"to {recipient} with Delivered-To: {line}", a.deliver(recipient, f"Delivered-To: {line}\n".encode() + BODY), 77, b"5.4.6", b"loop")
        equal(f"to {recipient} with Delivered-To: {line}: nothing was done", ([n for n in ("abc", "def") if os.path.exists(a.mailbox(n))], a.calls("cmd"), a.calls("sendmail")), ([], [], []))
    for recipient, line, box in (("sales@kvt.dk", "only@kvt.dk", 1), ("only@kvt.dk", "sales@kvt.dk", 0), ("abc@kvt.dk", "sales@kvt.dk", 1), ("abc@kvt.dk", "abc+out@kvt.dk", 1),
                                   ("abc+y@kvt.dk", "abc+out@kvt.dk", 1), ("sales@kvt.dk", "abc+out@kvt.dk", 1), ("abc@kvt.dk", "abc+in@kvt.dk", 1), ("def@kvt.dk", "abc+in@kvt.dk", 0), ("nobody@kvt.dk", "noone@kvt.dk", 0)):
        answered(f"to {recipient} with Delivered-To: {line}, which is no loop", a.deliver(recipient, f"Delivered-To: {line}\n".encode() + BODY), 0)
        a.empty()
    answered("a list of which one member had the message", a.deliver("sales@kvt.dk", b"Delivered-To: abc@kvt.dk\n" + BODY), 77, b"5.4.6")
    equal("the others have it", (os.path.exists(a.mailbox("abc")) and a.counts("abc"), len(a.calls("cmd")), len(a.calls("sendmail"))), (False, 1, 1))
    a.settings("domain.conf", None)
    a.empty()
    a.log_of()
    for sentence, recipient, lines in (("a loop", "abc@kvt.dk", b"Delivered-To: abc@kvt.dk\n"), ("an unknown user", "none@kvt.dk", b""), ("a wrong alias", "wrong@kvt.dk", b"")):
        a.aliases("wrong: none\n")
        a.deliver(recipient, lines + BODY)
        got = a.log_of()
        check(f"{sentence}: the log names the message", len(got) == 1 and "4ABCDE12345: message-id=<1@example.org>, " in got[0], got)
    a.deliver("none@kvt.dk", b"X: " + b"x" * 3000000 + b"\n" + BODY)
    got = a.log_of()
    check("as far as its first part tells", len(got) == 1 and "4ABCDE12345: message-id=, " in got[0], got)
    a.aliases("")


# --- quotas ---

def quotas(a):
    big, small = BODY + b"x" * 2000, BODY
    a.settings("users/abc", "quota = 5000\n")
    a.settings("users/postmaster", "quota = 5000\n")
    a.boxes(["postmaster"])
    for n in range(2):
        answered(f"message {n + 1} below the quota", a.deliver("abc@kvt.dk", big, queue_id=f"4ABCDE1234{n}"), 0)
    answered("over the quota", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12349"), 75, b"4.2.2", b"abc@kvt.dk: the mailbox is full")
    answered("the retry of one that is stored", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12340"), 0)
    answered("a small one goes in all the same", a.deliver("abc@kvt.dk", small, queue_id="4BBCDE12349"), 0)
    equal("what is there", a.counts("abc")[0] >= 3, True)
    for n in range(3):
        answered(f"postmaster's message {n + 1} goes in", a.deliver("postmaster@kvt.dk", big, queue_id=f"4CBCDE1234{n}"), 0)
    a.settings("users/abc", "quota = 5000\nover_quota = refuse\nlanguage = da\n")
    answered("over the quota, refused, in Danish", a.deliver("abc@kvt.dk", big, queue_id="4DBCDE12349"), 67, b"5.2.2", b"postkassen er fuld")
    a.settings(".over-quota.msg", "Try again in May.\nOr call.\n")
    answered("over the quota, in the domain's words", a.deliver("abc@kvt.dk", big, queue_id="4EBCDE12349"), 67, b"5.2.2", b"Try again in May. Or call.")
    a.settings(".over-quota.msg", None)
    a.settings("users/abc", "quota = 5000\nover_quota_days = 3\n")
    day = 24 * 3600
    for days, status, code in ((2.9, 75, b"4.2.2"), (3.1, 67, b"5.2.2")):
        date = time.strftime("%a, %d %b %Y %H:%M:%S", time.gmtime(time.time() - days * day))
        answered(f"over the quota, deferred for {days} days of 3", a.deliver("abc@kvt.dk", big, queue_id="4FBCDE12349", date=date), status, code)
    answered("over the quota, of which nobody knows since when", a.deliver("abc@kvt.dk", big, queue_id=None), 75, b"4.2.2")
    a.settings("users/abc", "message_size = 1500\n")
    answered("larger than he takes", a.deliver("abc@kvt.dk", big, queue_id="4GBCDE12349"), 77, b"5.3.4", b"larger than this mailbox takes")
    answered("as large as he takes", a.deliver("abc@kvt.dk", small, queue_id="4HBCDE12349"), 0)
    a.settings("users/abc", None)
    a.settings("users/postmaster", None)
    a.empty()
    domain_quota(a, big)
    what_root_allows(a, big)
    warnings(a, big)
    no_room(a, big)


def domain_quota(a, big):
    a.settings("domain.conf", "domain_quota = 6000\n")
    answered("below the domain's quota", a.deliver("abc@kvt.dk", big), 0)
    answered("below the domain's quota, another user", a.deliver("def@kvt.dk", big), 0)
    answered("over the domain's quota", a.deliver("ghi@kvt.dk", big), 75, b"4.2.2")
    a.settings("domain.conf", "quota_messages = 2\n")
    a.empty()
    for n, want in enumerate((0, 0, 75)):
        equal(f"message {n + 1} of 2", a.deliver("abc@kvt.dk", big, queue_id=f"4ABCDE1234{n}").returncode, want)
    a.settings("domain.conf", None)
    a.empty()
    a.log_of()


def what_root_allows(a, big):
    """max_quota of `domains`, where the domain's own files give a limit."""
    domains = os.path.join(a.etc, "domains")
    for name, text in (("users/abc", "quota = 1G\n"), ("domain.conf", "quota = 1G\n"), ("users/abc", "quota_messages = 100\n"), ("domain.conf", "domain_quota = 1G\n")):
        say = f"{name}: {text.strip()}, max_quota=3000"
        a.settings(name, text)
        write(domains, "kvt.dk max_quota=3000\nother.dk max_quota=x\n")
        answered(f"{say}: what root allows goes in", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12341"), 0)
        answered(f"{say}: and no more", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12342"), 75, b"4.2.2", b"abc@kvt.dk: the mailbox is full")
        write(domains, "kvt.dk max_quota=2G\n")
        answered(f"{say}: his own counts where it is less", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12342"), 0)
        write(domains, "kvt.dk max_quota=x\n")
        answered(f"{say}: a line that cannot be read", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12343"), 75, b"4.3.5", b"domains, line 1: max_quota=x: write a size like 500M")
        write(domains, "kvt.dk max_quota=3000\n", 0o600)
        answered(f"{say}: a file that cannot be read", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12344"), 75, b"4.3.5", b"domains: Permission denied")
        os.unlink(domains)
        a.settings(name, None)
        a.empty()
    write(domains, "kvt.dk max_quota=x\n", 0o600)
    for n, text in enumerate((None, "quota = 0\n", "quota = NOQUOTA\n")):
        a.settings("users/abc", text)
        answered(f"{text}: no limit in the domain's files, so nobody looks there", a.deliver("abc@kvt.dk", big, queue_id=f"4ABCDE1234{n}"), 0)
    a.settings("users/abc", None)
    os.unlink(domains)
    a.empty()
    a.log_of()


def warnings(a, big):
    a.settings("users/abc", "quota = 10000\nquota_warning = 40\nlanguage = da\n")
    for n in range(3):
        answered(f"message {n + 1}, warned at 40 percent", a.deliver("abc@kvt.dk", big, queue_id=f"4ABCDE1234{n}"), 0)
    stored = a.stored("abc")
    warning = [m for m in stored if b"Subject: Din postkasse" in m]
    equal("he is warned once, behind the message that passed the mark", (len(stored), len(warning), b"Subject: Din postkasse" in stored[2]), (4, 1, True))
    check("the warning is from postmaster, to him, and answers nobody", all(w in warning[0] for w in (b"\nReturn-Path: <>\n", b"\nFrom: postmaster@kvt.dk\n", b"\nTo: abc@kvt.dk\n", b"\nAuto-Submitted: auto-generated\n")), warning)
    check("the warning says how full it is", re.search(rb"abc@kvt\.dk er \d\d procent fuld", warning[0]), warning)
    equal("nobody else was told", a.calls("sendmail"), [])
    week = os.path.join(a.folder, ".files", "abc.warned")
    os.utime(week, (time.time() - 8 * 86400,) * 2)
    a.deliver("abc@kvt.dk", BODY, queue_id="4BBCDE12341")
    equal("a week later he is warned again", sum(b"Subject: Din postkasse" in m for m in a.stored("abc")), 2)
    a.empty()
    a.settings("users/abc", "quota = 2800\nmailbox_format = maildir\n")
    a.deliver("abc@kvt.dk", big)
    time.sleep(0.01)
    a.deliver("abc@kvt.dk", BODY, queue_id="4BBCDE12341")
    equal("in a Maildir he is warned too, at 90 percent", sum(b"Subject: Your mailbox is nearly full" in m for m in a.stored("abc")), 1)
    a.settings("users/abc", None)
    a.empty()
    a.log_of()


def no_room(a, big):
    """Who is told of a message that did not fit, and what: a line of it. In abc's mailbox is one message, or none."""
    english, danish = b"Subject: A message did not fit into your mailbox\n", b"Subject: Der var ikke plads til en besked\n"
    rows = (
        ("deferred", 1, "", "quota = 3000\n", 75, english, rb"abc@kvt\.dk .*: [78]\d percent"),
        ("refused, in Danish", 1, "", "quota = 3000\nover_quota = refuse\nlanguage = da\n", 67, danish, rb"abc@kvt\.dk: [78]\d procent"),
        ("deferred, in a Maildir", 1, "", "quota = 3000\nmailbox_format = maildir\n", 75, english, rb"[78]\d percent"),
        ("more than a mailbox that is not there yet may hold", 0, "", "quota = 2000\nmailbox_format = maildir\n", 75, english, rb" 0 percent"),
        ("of the domain's room too little is left", 1, "domain_quota = 3000\n", "", 75, english, rb"[78]\d percent"),
        ("quota_warning = 0: nobody is told", 1, "", "quota = 3000\nquota_warning = 0\n", 75, None, b""),
    )
    for say, before, domain, user, status, subject, part in rows:
        a.settings("domain.conf", domain)
        a.settings("users/abc", user)
        for n in range(before):
            answered(f"{say}: what fits", a.deliver("abc@kvt.dk", big, queue_id=f"4ABCDE1234{n}"), 0)
        equal(f"{say}: nobody is told yet", told(a), [])
        for n in range(2):
            equal(f"{say}: try {n + 1}", a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12349").returncode, status)
        found = told(a)
        equal(f"{say}: he is told once for both tries", [(subject in m, re.search(part, m) is not None) for m in found], [(True, True)] if subject else [])
        equal(f"{say}: the mailbox is of the kind that was asked for", os.path.isdir(a.mailbox("abc")), "maildir" in user)
        if subject:
            os.utime(os.path.join(a.folder, ".files", "abc.warned"), (time.time() - 8 * 86400,) * 2)
            a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12349")
            equal(f"{say}: a week later he is told again", len(told(a)), 2)
        equal(f"{say}: nobody else was", a.calls("sendmail"), [])
        a.empty()
    a.settings("users/abc", None)
    full_disk(a, big)
    domain_is_nearly_full(a, big)


def full_disk(a, big):
    """A small message that goes in past the quota, and for which the disk has no room: that is no quota."""
    a.settings("users/abc", "quota = 3000\nquota_warning = 0\nmailbox_format = maildir\n")
    a.deliver("abc@kvt.dk", big, queue_id="4ABCDE12340")
    a.settings("users/abc", "quota = 2000\n")
    filler = os.path.join(a.folder, "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 65536):
                pass
        except OSError:
            pass
    answered("a small message beyond the quota, on a full disk", a.deliver("abc@kvt.dk", b"Subject: s\n\n" + b"x" * 800, queue_id="4ABCDE12349"), 75, b"4.3.1", b"No space left on device")
    equal("and nobody is told that it did not fit", os.path.exists(os.path.join(a.folder, ".files", "abc.warned")), False)
    os.unlink(filler)
    a.settings("users/abc", None)
    a.empty()


def told(a, user="abc"):
    """The warnings in a mailbox."""
    if not os.path.exists(a.mailbox(user)):
        return []
    return [m for m in a.stored(user) if b"\nAuto-Submitted: auto-generated\n" in m]


def domain_is_nearly_full(a, big):
    """Who gets mail then is told so; a mailbox's own limit goes before."""
    a.settings("domain.conf", "domain_quota = 10000\nquota_warning = 40\n")
    for n, user in enumerate(("def", "abc", "abc")):
        answered(f"the domain, message {n + 1}", a.deliver(f"{user}@kvt.dk", big, queue_id=f"4ABCDE1234{n}"), 0)
    equal("the domain is at 40 percent: who gets the next message is told, once", (len(told(a)), len(told(a, "def"))), (1, 0))
    check("he is told about the domain", re.search(rb"\nSubject: The mailboxes of kvt\.dk are nearly full\n(.*\n)*\n.*mailboxes of kvt\.dk .* \d\d percent", told(a)[0]), told(a))
    a.empty()
    a.settings("users/abc", "quota = 4000\n")
    for n, user in enumerate(("def", "abc")):
        a.deliver(f"{user}@kvt.dk", big, queue_id=f"4ABCDE1234{n}")
    equal("both are nearly full: he is told about his own", [b"Subject: Your mailbox is nearly full" in m for m in told(a)], [True])
    a.settings("users/abc", None)
    a.settings("domain.conf", None)
    a.empty()
    a.log_of()


def large(a):
    """A message that does not fit into memory, for everybody."""
    cmd = a.recorder("cmd")
    a.settings("users/abc", "filter = /bin/cat\n")
    a.aliases(f'all: abc, def, ghi, "|{cmd}", out@example.org, {a.folder}/archive\n')
    body = b"Subject: large\n\n" + b"".join(b"%07d From the book\nFrom here\n" % n for n in range(90000))
    answered("3 MB for everybody", a.deliver("all@kvt.dk", body), 0)
    for n in ("abc", "def", "ghi", "archive"):
        equal(f"3 MB: {n} has all of it", [m.endswith(body.replace(b"\nFrom", b"\n>From")) for m in a.stored(n)], [True])
    equal("3 MB: the command and sendmail read all of it", [c.input.endswith(body) for n in ("cmd", "sendmail") for c in a.calls(n)], [True, True])
    a.deliver("all@kvt.dk", body)
    equal("3 MB again: nothing twice", (a.counts("abc", "def", "ghi", "archive"), a.calls("cmd"), a.calls("sendmail")), ([1] * 4, [], []))
    equal("3 MB: nothing is left over", a.litter(), [])
    a.settings("users/abc", None)
    a.empty()
    a.log_of()


def dry_run(a):
    cmd = a.recorder("cmd")
    a.aliases(f'all: abc, "|{cmd} x", out@example.org\n')
    r = a.deliver("all@kvt.dk", words=["-n"])
    equal("-n: status, and a line for each action", (r.returncode, r.stdout.decode()),
          (0, f"all@kvt.dk: would store for abc in {os.path.join(a.folder, 'abc')}\nall@kvt.dk: would run {cmd}\nall@kvt.dk: would forward to out@example.org\n"))
    a.settings("users/abc", "filter = /bin/cat -u\n")
    a.settings("users/def", "filter = /bin/cat\ndeliver_with = /bin/dd of=/dev/null\n")
    for user, said in ("abc", f"store for abc in {os.path.join(a.folder, 'abc')}, filtered by /bin/cat -u"), ("def", "hand over for def to /bin/dd of=/dev/null, filtered by /bin/cat"):
        equal(f"-n: the programs of {user}", a.deliver(f"{user}@kvt.dk", words=["-n"]).stdout.decode(), f"{user}@kvt.dk: would {said}\n")
        a.settings(f"users/{user}", None)
    a.settings("domain.conf", "fallback = delete\n")
    r = a.deliver("nosuch@kvt.dk", words=["-n"])
    equal("-n: what would be thrown away", (r.returncode, r.stdout), (0, b"nosuch@kvt.dk: would throw it away\n"))
    a.settings("domain.conf", None)
    equal("-n: nothing was done", (os.listdir(a.folder), a.calls("cmd"), a.calls("sendmail")), ([], [], []))


def no_aliases(a):
    """extra_aliases that lead to files which are none: what they could mean defers, at once, and goes nowhere."""
    users = write(a.path("users-of-host"), "root:x:0:0:root:/root:/bin/sh\nabc:x:60001:60001::/home/abc:/bin/sh\n")
    closed = write(a.path("closed"), "abc: def\n", 0o600)
    os.mkfifo(a.path("fifo"), 0o644)
    for name, user, status, says in ((users, "def", 0, b""), (users, "abc", 75, b"users-of-host, line 2: "), (users, "root", 75, b"users-of-host, line 1: "), (users, "nosuch", 67, b"5.1.1"),
                                     (closed, "abc", 75, b"closed: Permission denied"), (a.path("fifo"), "abc", 75, b"fifo is not a regular file"), ("/dev/zero", "abc", 75, b"/dev/zero is not a regular file"),
                                     ("/dev", "abc", 75, b"//dev is not a regular file")):
        a.settings("domain.conf", f"extra_aliases = {name}\n")
        answered(f"extra_aliases = {os.path.basename(name)}: {user}", a.deliver(f"{user}@kvt.dk", timeout=5), status, b"4.3.5" if status == 75 else says, says)
    equal("and only the one who has nothing to do with it has mail", a.counts("abc", "def", "ghi"), [0, 1, 0])
    a.settings("domain.conf", None)
    a.empty()
    a.log_of()


def main():
    a = Acting()
    for part in (lists, without_an_id, fallbacks, files, environment, statuses, hostile_programs, filters, without_commands, payloads, forwards, order, agents, loops,
                 quotas, no_aliases, large, dry_run):
        part(a)
    done()


main()
