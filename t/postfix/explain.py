#!/usr/bin/python3
"""postfix-virtual explain says what Postfix does: every answer is compared with RCPT and with where the mail ends."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House, MESSAGE  # noqa: E402
from scratch import read, run, write  # noqa: E402

ADDRESSES = """abc@kvt.dk ABC@KVT.DK abc+tag@kvt.dk "abc+ y"@kvt.dk abc+x--other.dk@kvt.dk nosuch@kvt.dk nosuch+abc@kvt.dk "abc x"@kvt.dk off@kvt.dk
    postmaster@kvt.dk abc@kvt.org nosuch@kvt.org abc@a.b.kvt.dk abc+tag@a.kvt.dk nosuch@a.kvt.dk abc@a.kvt.org sales-77@kvt.dk sales-77@kvt.org sales-@kvt.dk
    sales-77@a.kvt.dk any@catch.dk "a,b"@catch.dk abc@catch.dk abc@shop.kvt.dk me@shop.kvt.dk me@a.shop.kvt.dk hand@kvt.dk abc@other.dk""".split("\n")
ADDRESSES = [a for line in ADDRESSES for a in line.replace('"abc x"', '"abc\0x"').replace('"abc+ y"', '"abc+\0y"').split()]

h = House()
a = h.account("a")
h.domain("kvt.dk", a, {"abc": "", "sales": "", "off": ""})
h.domain("catch.dk", a, {"abc": "", "rest": ""}, fallback="rest")
h.domain("shop.kvt.dk", a, {"me": ""})
h.domain("other.dk", a, {"abc": ""})
write(os.path.join(h.etc, "kvt.dk", "aliases"), "/^sales-([a-z0-9]+)$/: sales\n", 0o600, a)
os.mkdir(os.path.join(h.etc, "kvt.dk", "users"), 0o700)
os.chown(os.path.join(h.etc, "kvt.dk", "users"), a.pw_uid, a.pw_gid)
write(os.path.join(h.etc, "kvt.dk", "users", "off"), "receive = no\n", 0o600, a)
write(os.path.join(h.etc, "domains"), "kvt.dk sub_domains=yes\nkvt.org alias_of=kvt.dk\n")
h.postfix.append("main.cf", f"virtual_alias_maps = texthash:{h.postfix.config}/virtual\nrecipient_delimiter = +\n")
write(os.path.join(h.postfix.config, "virtual"), "hand@kvt.dk abc@kvt.dk\n")
h.must_admin("setup", "--yes")
h.start()


def told(address):
    r = h.admin("explain", address, "--json")
    return json.loads(r.stdout) if r.returncode in (0, 67, 75, 77) and r.stdout else {"result": r.stderr.decode()}


def ends_in(address):
    """Send to it; the mailboxes that grew."""
    before = h.all_mail()
    h.postfix.send(address, MESSAGE)
    check(f"mail for {address} leaves the queue", h.postfix.wait_empty(), h.postfix.log()[-1500:])
    after = h.all_mail()
    return [p for p in after if after[p] != before.get(p, b"")]


for address in ADDRESSES:
    address = address.replace("\0", " ")
    code, answer = h.postfix.rcpt(address)[:3], told(address)
    if answer["result"].startswith("delivered"):
        equal(f"{address}: delivered, and RCPT takes it", code, "250")
        equal(f"{address}: and there it ends", ends_in(address), [os.path.relpath(answer["mailbox"], h.top)])
    elif answer["result"] == "handed on":
        equal(f"{address}: handed on, and RCPT takes it", code, "250")
    else:
        check(f"{address}: refused, and so says RCPT", code in ("550", "454"), f"{code}, {answer}")

# The whole way: what it says is what a delivery does, and its exit status is that of virtual-deliver.
def put(name, text, folder=None):
    path = os.path.join(folder or os.path.join(h.etc, "full.dk"), name)
    if not os.path.isdir(os.path.dirname(path)):
        os.mkdir(os.path.dirname(path), 0o700)
        os.chown(os.path.dirname(path), a.pw_uid, a.pw_gid)
    return write(path, text, 0o600, a)


h.postfix.let_accounts_send()
h.write_settings(sendmail_program="/usr/sbin/sendmail")
home = os.path.join(a.pw_dir, "Mail")
h.domain("full.dk", a, {"abc": "", "joe": "", "off": "", "old": "", "full": "", "rich": "", "there": "", "away": "", "strict": "",
                        "filtered": "", "agent": "", "linked": os.path.join(a.pw_dir, "linked")})
h.domain("plain.dk", a, {"abc": ""})
os.mkdir(home, 0o700)
os.chown(home, a.pw_uid, a.pw_gid)
ALIASES = f"""list: abc, joe, :include:more, {home}/archive
owner-list: abc
loop: loop2
loop2: loop
#: expires=2020-01-31
gone: abc
lost: abc, nobody
pipe: "|/bin/sh -c 'cat >/dev/null'"
fails: "|/bin/false"
half: full, abc
info: abc
nocmd: abc, "|/nonexistent/program x"
noexec: "|/etc/passwd"
nodir: {home}/missing/archive
asdash: "|/bin/true %f"
"""
put("aliases", ALIASES)
put("include/more", "# more\nabc@plain.dk\n")
put("domain.conf", "match_full_name = yes\nmessage_size = 100k\n")
os.makedirs(os.path.join(a.pw_dir, "linked", "Mail"))  # a mailbox cannot be there, and need not
os.chown(os.path.join(a.pw_dir, "linked"), a.pw_uid, a.pw_gid)
os.symlink("/dev/null", os.path.join(a.pw_dir, "linked", "Mail", "mailbox"))
for user, text in {"off": "receive = no\n", "old": "expires = 2020-01-31\n", "full": "quota = 3000\n", "rich": "quota = 1M\nquota_messages = 5\n",
                   "strict": "quota = 3000\nover_quota = refuse\n",
                   "filtered": "filter = /nonexistent/filter\n", "agent": "deliver_with = /nonexistent/agent -d %u\n",
                   "linked": "deliver_with = /bin/true -f %f\n",
                   "there": "forward = abc@plain.dk\nkeep_copy = no\n", "away": "vacation_interval = 3\n"}.items():
    put(f"users/{user}", text)
files = os.path.join(h.spool, "full.dk", ".files")
put("info.auto", "Subject: info\n\nAll about us.\n", files)
put("only.auto", "Subject: only\n\nNobody is here.\n", files)
put("away.vacation.db", "", files)
h.must_admin("nightly")
h.maps()


def remove(path):
    (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.remove)(path)


def explained(address, *options):
    r = h.admin("explain", address, "--json", *options)
    return r.returncode, json.loads(r.stdout) if r.stdout else r.stderr.decode()


BODY = b"".join(b"line %04d %s\n" % (i, b"x" * 88) for i in range(200))  # 20,000 bytes
CASES = [  # address, size of the message, exit status, result, what the reason says, what is done
    ("abc@full.dk", 1500, 0, "delivered", "", ["store abc"]),
    ("ABC@Full.DK", 1500, 0, "delivered", "", ["store abc"]),
    ("joename@full.dk", 1500, 0, "delivered", "", ["store joe"]),
    ("list@full.dk", 1500, 0, "delivered", "", ["store abc", "store joe", "append archive", "send abc@plain.dk"]),
    ("there@full.dk", 1500, 0, "handed on", "", ["send abc@plain.dk"]),
    ("pipe@full.dk", 1500, 0, "handed on", "", ["run /bin/sh"]),
    ("info@full.dk", 1500, 0, "delivered", "", ["store abc", "answer info@full.dk"]),
    ("only@full.dk", 1500, 0, "answered", "", ["answer only@full.dk"]),
    ("off@full.dk", 1500, 67, "refused", "takes no mail", []),
    ("old@full.dk", 1500, 67, "refused", "no longer in use", []),
    ("gone@full.dk", 1500, 67, "refused", "no longer in use", []),
    ("nosuch@full.dk", 1500, 67, "refused", "", []),
    ("loop@full.dk", 1500, 75, "deferred", "aliases, line 4: a loop: loop -> loop2 -> loop", []),
    ("lost@full.dk", 1500, 75, "deferred", "aliases, line 7: `nobody` leads nowhere", []),
    ("full@full.dk", 1500, 0, "delivered", "", ["store full"]),
    ("full@full.dk", 20000, 75, "deferred", "full", ["store full"]),
    ("full@full.dk", 900, 0, "delivered", "", ["store full"]),
    ("strict@full.dk", 20000, 67, "refused", "full", ["store strict"]),
    ("half@full.dk", 20000, 75, "deferred", "full", ["store full", "store abc"]),
    ("abc@full.dk", 200000, 77, "refused", "larger", ["store abc"]),
    ("rich@full.dk", 20000, 0, "delivered", "", ["store rich"]),
    ("away@full.dk", 1500, 0, "delivered", "", ["store away", "answer away@full.dk"]),
    ("nocmd@full.dk", 1500, 75, "deferred", "start /nonexistent/program: No such file", ["store abc", "run /nonexistent/program"]),
    ("noexec@full.dk", 1500, 75, "deferred", "start /etc/passwd: Permission denied", ["run /etc/passwd"]),
    ("nodir@full.dk", 1500, 75, "deferred", f"{home}/missing", ["append archive"]),
    ("filtered@full.dk", 1500, 75, "deferred", "start /nonexistent/filter: No such file", ["store filtered"]),
    ("agent@full.dk", 1500, 75, "deferred", "start /nonexistent/agent: No such file", ["store agent"]),
    ("linked@full.dk", 1500, 0, "delivered", "", ["store linked"]),
]


def said(answer):
    return [a["do"] + " " + next((str(v) for v in (a.get("user"), a.get("to"), (a.get("command") or [None])[0], a.get("as"),
                                                   os.path.basename(a.get("mailbox") or "")) if v), "") for a in answer.get("actions", [])]


for number, (address, size, status, result, reason, actions) in enumerate(CASES):
    code, answer = explained(address, "--size", str(size), "--from", "s@plain.dk")
    equal(f"{address}, {size} bytes: exit status, result", (code, answer["exit_status"], answer["result"]), (status, status, result))
    check(f"{address}, {size} bytes: reason", reason in answer.get("reason", ""), answer)
    equal(f"{address}, {size} bytes: actions", said(answer), actions)
    if actions and actions[0].startswith("store") and address != "linked@full.dk":
        first = answer["actions"][0]
        equal(f"{address}: the final file", (first["mailbox"], first["owner"], first["mode"], first["format"]),
              (os.path.join(h.spool, "full.dk", first["user"]), a.pw_name, "0600", "mbox"))
    for step in answer["steps"]:
        if step["line"] > 0:
            with open(step["file"], encoding="utf-8") as f:
                lines = f.readlines()
            check(f"{address}: step {step}: there is such a line", len(lines) >= step["line"])
        if step["file"].endswith("/passwd"):
            user = step["says"].split("full name of ")[-1].split()[0]
            check(f"{address}: step {step}: it is the line of {user}", step["line"] > 0 and lines[step["line"] - 1].startswith(f"{user}:"))
    if address.startswith("nosuch"):  # nobody would start it
        continue
    if any(a.startswith("send") for a in actions):  # by sendmail(1), which must know of which Postfix
        where = {"store": "spool/full.dk/", "append": os.path.relpath(home, h.top) + "/", "send": "spool/"}
        ends = [where[w] + (n if w != "send" else "/".join(reversed(n.split("@")))) for w, n in (a.split() for a in actions)]
        equal(f"{address}: it ends there", sorted(ends_in(address)), sorted(ends))
        continue
    message = b"Subject: test\nTo: %s\nMessage-ID: <%d@plain.dk>\n\n" % (address.encode(), number) + BODY * 10
    r = h.hand_over(a, address, message[:size - 1] + b"\n", sender="s@plain.dk", queue_id=f"4ABCDE{number:05}")
    equal(f"{address}, {size} bytes: so does virtual-deliver", r.returncode, status)
    check(f"{address}: with the same words", reason in r.stdout.decode(), r.stdout)

# A mailbox, or a file of an alias, that a delivery would not touch.
put("aliases", ALIASES + f"filed: {home}/filed\n")
h.maps()
rich = os.path.join(h.spool, "full.dk", "rich")
os.rename(rich, rich + "-kept")
for address, path in (("rich@full.dk", rich), ("filed@full.dk", f"{home}/filed")):
    for title, mode, make, fault in (("open to all", 0o606, lambda p: write(p, "", 0o600, a), "is writable by others"),
                                     ("root's", 0o600, lambda p: write(p, ""), "belongs to another user"),
                                     ("executable", 0o700, lambda p: write(p, "", 0o600, a), "is executable"),
                                     ("a Maildir of root's", 0o700, os.mkdir, "belongs to another user"),
                                     ("a symlink", None, lambda p: os.symlink(f"{home}/archive", p), "")):
        make(path)
        if mode is not None:
            os.chmod(path, mode)
        code, answer = explained(address)
        r = h.hand_over(a, address, b"Subject: test\n\nx\n", sender="s@plain.dk", queue_id="4ABCDE88888")
        equal(f"{address}, {title}: explain and virtual-deliver defer", (code, answer["result"], r.returncode), (75, "deferred", 75))
        check(f"{address}, {title}: and say why", f"{path} {fault}" in answer.get("reason", "") and (title == "root's" or f"{path} {fault}" in r.stdout.decode()), (answer, r))
        remove(path)
os.rename(rich + "-kept", rich)
put("aliases", ALIASES)
h.maps()

# No table has it, though virtual-deliver would take it: why.
h.domain("why.dk", a, {"abc": ""})
h.must_admin("domain", "set", "why.dk", "sub_domains=yes")
why = os.path.join(h.etc, "why.dk")
put("aliases", '"a b": abc\nlost: nobody\n', why)
h.maps()
put("aliases", '"a b": abc\nlost: nobody\nnew: abc\nbad: nobody\n', why)
put("domain.conf", "fallback = abc\n", why)
for address, reason in (('"a b"@why.dk', "only other aliases can lead to it: it holds a character"), ("x@sub.why.dk", "a fallback takes no mail for sub-domains"),
                        ("x+tag@sub.why.dk", "a fallback takes no mail for sub-domains"), ("new@why.dk", "make-postfix-maps brings its tables up to date"),
                        ("bad@why.dk", "aliases, line 4: `nobody` leads nowhere"), ("abc@sub.plain.dk", "postfix-virtual domain set plain.dk sub_domains=yes")):
    code, answer = explained(address)
    check(f"{address}: refused by Postfix, and why", code == 67 and answer["reason"].startswith("no such address for Postfix; ") and reason in answer["reason"], answer)
h.maps()

# Which pattern it was, and what is none.
kvt = os.path.join(h.etc, "kvt.dk")
put("aliases", "# one that is refused, one that is wrong\n/^.*$/: abc\n/^sales-7/: abc\n/^sales-([a-z0-9]+)$/: sales\n/^sales-.+$/: abc\n", kvt)
put("more", "\n/^team-([a-z]+)$/: ${1}\n", kvt)
put("domain.conf", "extra_aliases = more\n", kvt)
run([f"{h.bin}/make-postfix-maps", "-c", h.etc])


def pattern_step(address):
    """Whether it comes behind the table's, and the step as people read it."""
    steps = explained(address)[1]["steps"]
    return [(i, f"{os.path.basename(s['file'])}:{s['line']}: {s['says']}") for i, s in enumerate(steps) if "pattern" in s["says"]]


FIRST = "aliases:4: the pattern /^sales-([a-z0-9]+)$/ means sales@kvt.dk"
for address, step in (("sales-77@kvt.dk", FIRST), ("SALES-77@KVT.DK", FIRST), ("sales-77@kvt.org", FIRST), ("\u017fales-77@kvt.dk", FIRST),
                      ("sales-a.b@kvt.dk", "aliases:5: the pattern /^sales-.+$/ means abc@kvt.dk"),
                      ("team-abc@kvt.dk", "more:2: the pattern /^team-([a-z]+)$/ means abc@kvt.dk")):
    equal(f"{address}: the pattern is told with its file and line", pattern_step(address), [(1, step)])
for address in ("abc@kvt.dk", "sales@kvt.dk", "abc@a.kvt.dk", "hand@kvt.dk", "team-nosuch@kvt.dk", "sales-77@a.kvt.dk"):
    equal(f"{address}: no pattern", pattern_step(address), [])
put("aliases", "/^sales-([a-z0-9]+)$/: abc\n", kvt)
equal("one that the tables do not have yet is not told", (explained("sales-77@kvt.dk")[1]["user"], pattern_step("sales-77@kvt.dk")), ("sales", []))
put("domain.conf", "", kvt)
put("aliases", "", kvt)
h.maps()

# A sender whose address a program would take for an option.
for address in ("asdash@full.dk", "linked@full.dk"):
    code, answer = explained(address, "--from", "-x@plain.dk")
    r = h.hand_over(a, address, b"Subject: test\n\nx\n", sender="-x@plain.dk", queue_id="4ABCDE99999")
    check(f"{address} from -x@plain.dk: explain and virtual-deliver defer it in the same words",
          (code, r.returncode) == (75, 75) and answer["reason"] in r.stdout.decode(), (answer, r.stdout))
equal("a sender in quotes", explained("abc@full.dk", "--from", '"a b> c"@plain.dk')[0], 0)

# Who answers, and why not.
answers = {("info@full.dk", None): (True, ""), ("info@full.dk", "<>"): (False, "null sender"), ("info@full.dk", "list-owner@plain.dk"): (False, "a machine"),
           ("info@full.dk", "info@full.dk"): (False, "the address itself"), ("away@full.dk", "other@plain.dk"): (True, ""),
           ("away@full.dk", "s@plain.dk"): (False, "answered lately"), ("away@full.dk", None): (True, "")}
for (address, sender), want in answers.items():
    answer = explained(address, *(["--from", sender] if sender else []))[1]["actions"][-1]
    equal(f"{address} answers {sender}: {want}", (answer["do"], answer["answers"], want[1] in answer.get("why", "")), ("answer", want[0], True))
put("users/away", "vacation_end = 2020-01-31\n")
check("a vacation that is over says so", not explained("away@full.dk")[1]["actions"][-1]["answers"])
put("info.auto", "no header\n", files)
check("so does a file that cannot be read", "info.auto" in explained("info@full.dk")[1]["actions"][-1]["why"])

# Quota, before and after.
rich = explained("rich@full.dk", "--size", "5000")[1]["actions"][0]
size = os.path.getsize(os.path.join(h.spool, "full.dk", "rich"))
equal("quota: before and after", [rich[k] for k in ("quota", "bytes_before", "quota_messages", "messages_before", "messages_after")], [1000000, size, 5, 1, 2])
check("after is more than before by the message, at least", rich["bytes_after"] >= size + 5000, rich)
domains = read(os.path.join(h.etc, "domains"))
write(os.path.join(h.etc, "domains"), domains + b"full.dk max_quota=7k\n")
equal("quota: no more than root allows", explained("rich@full.dk", "--size", "5000")[1]["actions"][0]["quota"], 7000)
write(os.path.join(h.etc, "domains"), domains)
put("users/abc", "filter = /usr/bin/true -x\n")
equal("the filter is said", explained("abc@full.dk")[1]["actions"][0]["filter"], "/usr/bin/true -x")
put("users/abc", "")

# The .forward file that local(8) would use.
path = h.forward(a, "abc", "full.dk")
answer = explained("abc@full.dk")[1]
equal("the .forward file is found", (answer["forward_file"], answer["forward_exists"]), (path, True))
check("and what it says is a step", any(s["file"] == path and "virtual-deliver" in s["says"] for s in answer["steps"]), answer["steps"])
h.forward(a, "abc", "full.dk", f"{home}/archive\n")
code, answer = explained("abc@full.dk")
equal("one that leads elsewhere is believed", (code, answer["result"], answer["to"]), (0, "handed on", f"{home}/archive"))
equal("and there it ends", ends_in("abc@full.dk"), [os.path.relpath(f"{home}/archive", h.top)])
h.forward(a, "abc", "full.dk", f"{home}/archive\n", mode=0o602)
equal("one that everybody may write is not", explained("abc@full.dk")[1]["forward_exists"], False)
equal("nor by local(8)", ends_in("abc@full.dk"), ["spool/full.dk/abc"])
h.forward(a, "abc", "full.dk", "\x1b]0;x\x07\x1b[31m|/bin/x\n")
text = h.admin("explain", "abc@full.dk").stdout
check("nothing of it speaks to a terminal", b"|/bin/x" in text and b"\x1b" not in text and b"\x07" not in text, text)
os.remove(path)

# As text; and questions that are none.
text = h.admin("explain", "list@full.dk").stdout.decode()
for line in ("result: delivered\n", f"{h.etc}/full.dk/aliases:1: alias list: abc, joe, :include:more", f"  add it to {home}/archive (mbox, ",
             "  send it to abc@plain.dk, from owner-list@full.dk\n", f"  store it for joe in {h.spool}/full.dk/joe (mbox, {a.pw_name}, 0600)\n"):
    check(f"text: {line.strip()}", line in text, text)
for options, want in ((["--size", "x"], 2), (["--size", "0"], 2), (["--from", "a b@x"], 2), (["--from", '"a@x'], 2), (["--from"], 2), (["--hash", "x"], 2)):
    equal(f"explain {options} is wrong usage", h.admin("explain", "abc@full.dk", *options).returncode, want)
equal("no domain of ours", h.admin("explain", "abc@example.org").returncode, 1)
before = h.all_mail()
for case in CASES:
    h.admin("explain", case[0])
equal("it changes nothing", h.all_mail(), before)

# Entries that are wrong. No key yet: no table has them, and what the files say is told. After a run Postfix takes their mail, and it waits.
WRONG = """twice: abc
twice: joe
empty:
#: expires=soon
day: abc
colon abc
target: "|/bin/x
o'dead: nobody
o'twice: abc
o'twice: joe
"""
WRONG_LINES = {"twice": 2, "empty": 3, "day": 4, "colon": 6, "target": 7, "o'dead": 8, "o'twice": 10}
put("aliases", WRONG)
for name, line in WRONG_LINES.items():
    code, answer = explained(f"{name}@full.dk")
    equal(f"{name}, without a key: RCPT refuses it, and so it is explained", (code, answer["result"], h.postfix.rcpt(f"{name}@full.dk")[:3]), (67, "refused", "550"))
    for part in ("no table has it", f"{h.etc}/full.dk/aliases, line {line}: "):
        check(f"{name}: and the reason has `{part}`", part in answer["reason"] + answer["postfix"], answer)
h.admin("nightly")
run([f"{h.bin}/make-postfix-maps", "-c", h.etc])
before = h.all_mail()
for name, line in WRONG_LINES.items():
    code, answer = explained(f"{name}@full.dk")
    equal(f"{name}, with a key: exit status, result, status", (code, answer["result"], answer["status"]), (75, "deferred", "4.3.5"))
    h.postfix.send(f"{name}@full.dk", MESSAGE)
    said_there = h.postfix.wait_log(f"orig_to=<{name}@full.dk>", "status=deferred", "dsn=4.3.5", f"full.dk/aliases, line {line}: ")
    check(f"{name}: Postfix takes its mail, which waits with 4.3.5 and file and line", said_there, h.postfix.log()[-2000:])
equal("all of it is in the queue", h.postfix.wait_deferred(len(WRONG_LINES)), True)
equal("and in no mailbox", h.all_mail(), before)
put("aliases", ALIASES + "".join(f"{name}: abc\n" for name in WRONG_LINES))
h.maps()
h.postfix.flush()
check("mended, it is delivered", h.postfix.wait_empty(), h.postfix.log()[-2000:])
equal("to whom it was for", [p for p, text in h.all_mail().items() if text != before.get(p)], ["spool/full.dk/abc"])

code, answer = explained("hand@kvt.dk")
equal("an address of the administrator's own table leads on to ours", (code, answer["result"], answer["postfix"]),
      (0, "delivered", f"{a.pw_name}+abc--kvt.dk@virtual.invalid"))
equal("both look-ups are steps", [s["says"].split(":")[0] for s in answer["steps"][:2]], ["hand@kvt.dk", "abc@kvt.dk"])

equal("a tag where main.cf has no recipient_delimiter is refused", (
    h.postfix.append("main.cf", "recipient_delimiter =\n"), h.postfix.reload(), told("abc+tag@kvt.dk")["result"], h.postfix.rcpt("abc+tag@kvt.dk")[:3])[2:],
      ("refused", "550"))
done()
