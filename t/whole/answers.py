#!/usr/bin/python3
"""postfix-virtual responder and vacation: what they write, print and refuse; what becomes of the files when a user or a
domain goes; two at once; files that an account put in the way.
"""
import json
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from answers import put  # noqa: E402
from house import House  # noqa: E402
from scratch import CLEAN_ENV, TOP, read, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

AUTO = "Subject: Price list\nReply-To: boss@kvt.dk\n\nSee below.\n"


def day(offset):
    return time.strftime("%Y-%m-%d", time.localtime(time.time() + offset * 86400))


def admin(h, *args, data=None):
    r = h.admin(*args, data=data.encode() if isinstance(data, str) else data)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def files(h, domain="kvt.dk"):
    """What lies in .files, the lock aside."""
    folder = os.path.join(h.spool, domain, ".files")
    return sorted(n for n in os.listdir(folder) if n != ".answered.lock") if os.path.isdir(folder) else []


def text(h, name, domain="kvt.dk"):
    return read(os.path.join(h.spool, domain, ".files", name)).decode()


def keys(h):
    return {l.split("\t")[0] for l in read(os.path.join(h.map_folder, "virtual")).decode().splitlines() if l and l[0] != "#"}


def conf(h, user):
    return read(os.path.join(h.etc, "kvt.dk", "users", user)).decode()


def history(h, domain="kvt.dk"):
    return [l.split(" ", 3)[3] for l in read(h.path("state", "history", domain)).decode().splitlines()]


def trash(h):
    folder = os.path.join(h.spool, "kvt.dk", ".trash")
    return sorted(n.rpartition(".")[0] for n in os.listdir(folder)) if os.path.isdir(folder) else []


def said(words):
    """Whether a command said so on the error channel, and nothing on the other."""
    return lambda r, status=1: r[0] == status and r[1] == "" and words in r[2]


def refuses(sentence, r, words, status=1):
    check(sentence, said(words)(r, status), r)


def responders(h, a):
    equal("a domain has none", admin(h, "responder", "list", "kvt.dk"), (0, "", ""))
    r = admin(h, "-n", "responder", "set", "info@kvt.dk", data=AUTO)
    check("a dry run shows the file", r[0] == 0 and "+Subject: Price list\n" in r[1] and f"{h.spool}/kvt.dk/.files/info.auto" in r[1], r)
    check("and writes nothing", not os.path.exists(os.path.join(h.spool, "kvt.dk", ".files")) and history(h) == h.before, history(h))
    equal("set, from the standard input", admin(h, "responder", "set", "INFO@kvt.dk", data=AUTO), (0, "responder info@kvt.dk set\n", ""))
    path = os.path.join(h.spool, "kvt.dk", ".files")
    equal("the file is what was given", text(h, "info.auto"), AUTO)
    equal("it and its folder are the account's alone", [(oct(os.stat(p).st_mode & 0o777), os.stat(p).st_uid) for p in (path, f"{path}/info.auto")],
          [("0o700", a.pw_uid), ("0o600", a.pw_uid)])
    check("the address exists from then on, without a user", "info@kvt.dk" in keys(h), keys(h))
    equal("the history says so", history(h)[-1:], [f"responder set info@kvt.dk text={len(AUTO)}"])
    equal("the same once more is nothing", (admin(h, "responder", "set", "info@kvt.dk", data=AUTO), history(h)[-1:]),
          ((0, "info@kvt.dk is answered so already\n", ""), [f"responder set info@kvt.dk text={len(AUTO)}"]))
    message = write(h.path("message"), "From: Jørgen <info@kvt.dk>\nTo: x@y.z\nBcc: x@y.z\nSubject: Åbningstider\n\nBlå\n")
    equal("set, from a file; what is left out is said", admin(h, "responder", "set", "abc@kvt.dk", "--file", message),
          (0, "responder abc@kvt.dk set\n", "postfix-virtual: of its header, this is left out of every answer: To, Bcc\n"))
    equal("with --subject the text alone is read", admin(h, "responder", "set", "xyz@kvt.dk", "--subject", "Æble", data="hej"),
          (0, "responder xyz@kvt.dk set\n", ""))
    equal("and gets a header", text(h, "xyz.auto"), "Subject: Æble\n\nhej\n")
    equal("list", admin(h, "responder", "list", "kvt.dk"),
          (0, "abc@kvt.dk\tÅbningstider\t\ninfo@kvt.dk\tPrice list\t\nxyz@kvt.dk\tÆble\t\n", ""))
    equal("show prints the message", admin(h, "responder", "show", "info@kvt.dk"), (0, AUTO, ""))
    shown = json.loads(admin(h, "--json", "responder", "show", "abc@kvt.dk")[1])
    equal("or what is known of it", shown, {"subject": "Åbningstider", "answered_today": 0, "problem": "", "text": read(message).decode()})
    equal("delete", admin(h, "responder", "delete", "info@kvt.dk")[:2], (0, "responder info@kvt.dk deleted\n"))
    check("the address is gone with it", "info@kvt.dk" not in keys(h) and "info.auto" not in files(h), (keys(h), files(h)))
    equal("it lies in the trash", trash(h), ["info.auto"])
    equal("the history says so, too", history(h)[-1:], ["responder delete info@kvt.dk"])
    admin(h, "responder", "delete", "abc@kvt.dk")
    check("the address of a user stays", "abc@kvt.dk" in keys(h) and "abc.auto" not in files(h), keys(h))
    admin(h, "responder", "set", "xyz@kvt.dk", "--subject", "Æ" * 600, data="hej")
    listed = json.loads(admin(h, "--json", "responder", "list", "kvt.dk")[1])
    check("a subject that is cut in the middle of a letter loses that alone", re.fullmatch("(Æ{100,})[?]?", listed[0]["subject"]), listed)
    admin(h, "responder", "delete", "xyz@kvt.dk")


def refused(h):
    before = files(h), history(h)
    for sentence, args, data, words in (
            ("no header", ["info@kvt.dk"], "I am away.\n", "the text, line 1: no field: the file begins with a header"),
            ("no UTF-8", ["info@kvt.dk"], "Subject: s\n\nbl\u00e5\n".encode("latin-1"), "the text is no UTF-8: convert it with iconv"),
            ("a NUL", ["info@kvt.dk"], b"Subject: s\n\na\0b\n", "the text has a NUL in it"),
            ("nothing", ["info@kvt.dk"], "", "there is no text"),
            ("more than 64 KiB", ["info@kvt.dk"], "Subject: s\n\n" + "x" * 65536, "is larger than 65536 bytes"),
            ("no such file", ["info@kvt.dk", "--file", "/nonexistent"], None, "open /nonexistent: No such file"),
            ("a subject of two lines", ["info@kvt.dk", "--subject", "a\nBcc: b"], "x\n", "--subject has a control character"),
            ("a name that could be a file of ours", ["a.vacation@kvt.dk"], AUTO, "a.vacation"),
            ("a name that is no user's", ["../x@kvt.dk"], AUTO, "../x"),
            ("no domain", ["info@nosuch.dk"], AUTO, "nosuch.dk is no domain here"),
            ("an alias of a domain", ["info@kvt.org"], AUTO, "kvt.org is an alias of kvt.dk"),
            ("an address of the host's", ["postmaster@kvt.dk"], AUTO, "postmaster@kvt.dk goes to the host's")):
        refuses(f"refused: {sentence}", admin(h, "responder", "set", *args, data=data), words)
    refuses("two files", admin(h, "responder", "set", "info@kvt.dk", "--file", "a", "--text-file", "b"), "only one of --file and --text-file", 2)
    refuses("delete of one that is not there", admin(h, "responder", "delete", "info@kvt.dk"), "info@kvt.dk has no responder")
    refuses("show of one that is not there", admin(h, "responder", "show", "info@kvt.dk"), "info@kvt.dk has no responder")
    equal("nothing was written", (files(h), history(h)), before)


def vacations(h):
    equal("no vacation", admin(h, "vacation", "show", "abc@kvt.dk"),
          (0, "address: abc@kvt.dk\nstate: off\nfrom: -\nuntil: -\ndays: 7\nanswered: 0\nfile: built in\nsubject: \n", ""))
    equal("on", admin(h, "vacation", "on", "abc@kvt.dk"), (0, "vacation of abc@kvt.dk turned on\n", ""))
    equal("that is an empty index", (files(h), text(h, "abc.vacation.db")), (["abc.vacation.db"], ""))
    equal("twice is once", admin(h, "vacation", "on", "abc@kvt.dk"), (0, "the vacation of abc@kvt.dk is on already\n", ""))
    equal("its text", admin(h, "vacation", "set", "abc@kvt.dk", "--subject", "Væk", data="Tilbage mandag.\n"), (0, "vacation of abc@kvt.dk changed\n", ""))
    equal("is a file", text(h, "abc.vacation"), "Subject: Væk\n\nTilbage mandag.\n")
    equal("its days", admin(h, "vacation", "set", "abc@kvt.dk", "--from", day(1), "--until", day(9), "--days", "3"), (0, "vacation of abc@kvt.dk changed\n", ""))
    equal("are settings of the user's", conf(h, "abc"), f"vacation_start = {day(1)}\nvacation_end = {day(9)}\nvacation_interval = 3\n")
    equal("the history has all of it", history(h)[-3:], ["vacation on abc@kvt.dk", "vacation set abc@kvt.dk text=31",
          f"vacation set abc@kvt.dk vacation_start={day(1)} vacation_end={day(9)} vacation_interval=3"])
    equal("show", admin(h, "vacation", "show", "abc@kvt.dk"),
          (0, f"address: abc@kvt.dk\nstate: on, and not begun\nfrom: {day(1)}\nuntil: {day(9)}\ndays: 3\nanswered: 0\n"
              f"file: {h.spool}/kvt.dk/.files/abc.vacation\nsubject: Væk\n", ""))
    equal("empty: none", (admin(h, "vacation", "set", "abc@kvt.dk", "--from", "", "--days", "")[0], conf(h, "abc")), (0, f"vacation_end = {day(9)}\n"))
    put(h, h.owner, "kvt.dk", "abc.vacation.db", f"{int(time.time())} 1 s@example.org\n")
    shown = json.loads(admin(h, "--json", "vacation", "show", "abc@kvt.dk")[1])
    equal("show as JSON", {k: shown[k] for k in ("state", "answered", "from", "until", "text")},
          {"state": "on", "answered": 1, "from": None, "until": day(9), "text": "Subject: Væk\n\nTilbage mandag.\n"})
    r = admin(h, "-n", "vacation", "off", "abc@kvt.dk")
    check("a dry run only says it", r[0] == 0 and "abc.vacation.db would be removed" in r[1] and "abc.vacation.db" in files(h), r)
    equal("off", admin(h, "vacation", "off", "abc@kvt.dk"), (0, "vacation of abc@kvt.dk turned off\n", ""))
    equal("the text stays, the index goes", files(h), ["abc.vacation"])
    equal("twice is once", admin(h, "vacation", "off", "abc@kvt.dk"), (0, "the vacation of abc@kvt.dk is off already\n", ""))
    equal("all in one", admin(h, "vacation", "on", "abc@kvt.dk", "--until", day(0), "--text-file", "-", data="Subject: s\n\nx\n")[:2],
          (0, "vacation of abc@kvt.dk turned on\n"))
    equal("does all", (files(h), text(h, "abc.vacation"), conf(h, "abc")), (["abc.vacation", "abc.vacation.db"], "Subject: s\n\nx\n", f"vacation_end = {day(0)}\n"))


def refused_vacations(h):
    before = files(h), history(h), conf(h, "abc")
    for sentence, args, data, words in (
            ("no user", ["on", "nosuch@kvt.dk"], None, "nosuch@kvt.dk is no user here"),
            ("a day that is none", ["on", "abc@kvt.dk", "--until", "2026-02-30"], None, "vacation_end"),
            ("days that are none", ["set", "abc@kvt.dk", "--days", "x"], None, "vacation_interval"),
            ("an end before the beginning", ["set", "abc@kvt.dk", "--from", day(5), "--until", day(4)], None, "is before the first"),
            ("an end before today", ["on", "abc@kvt.dk", "--until", day(-1)], None, "give another one with --until"),
            ("a text without a subject", ["set", "abc@kvt.dk"], "Reply-To: a@b.dk\n\nx\n", "the text has no Subject:"),
            ("a text without a header", ["on", "abc@kvt.dk", "--text-file", "-"], "x\n", "line 1: no field")):
        refuses(f"refused: {sentence}", admin(h, "vacation", *args, data=data), words)
    equal("nothing was written", (files(h), history(h), conf(h, "abc")), before)
    admin(h, "vacation", "off", "abc@kvt.dk")
    write(os.path.join(h.etc, "kvt.dk", "users", "abc"), f"vacation_end = {day(-3)}\n", 0o600, h.owner)
    refuses("a vacation that is over is not turned on again unseen", admin(h, "vacation", "on", "abc@kvt.dk"), f"was {day(-3)}: give another")
    equal("but with none", admin(h, "vacation", "on", "abc@kvt.dk", "--until", "")[0], 0)


def damaged(h):
    put(h, h.owner, "kvt.dk", "abc.vacation.db", "garbage\n")
    r = admin(h, "vacation", "show", "abc@kvt.dk")
    check("a damaged index is shown", r[0] == 0 and "state: on, and nobody is answered" in r[1] and "line 1" in r[2], r)
    r = admin(h, "vacation", "on", "abc@kvt.dk")
    check("and made anew by turning it on", r[0] == 0 and "it is made anew" in r[2] and text(h, "abc.vacation.db") == "", r)
    put(h, h.owner, "kvt.dk", "info.auto", "no header\n")
    r = admin(h, "responder", "list", "kvt.dk")
    check("a responder's file that is wrong is listed with its fault", r[0] == 0 and "info@kvt.dk\t\t" in r[1] and "line 1: no field" in r[1], r)
    r = admin(h, "responder", "show", "info@kvt.dk")
    check("and shown", r[0] == 0 and "no header" in r[1] and "nobody is answered" in r[2], r)
    put(h, h.owner, "kvt.dk", "info.auto", b"\x1b[2J\x01: \xc2\x9b\n\n")
    r = admin(h, "responder", "show", "info@kvt.dk")
    check("what speaks to a terminal is made silent", "\x1b" not in r[1] + r[2] and "\u009b" not in r[1], r)
    put(h, h.owner, "kvt.dk", "info.auto", None)
    os.symlink("/etc/hostname", os.path.join(h.spool, "kvt.dk", ".files", "info.auto"))
    refuses("a symlink is not replaced", admin(h, "responder", "set", "info@kvt.dk", data=AUTO), "is a symlink")
    check("it is still there, and no mark is left", os.path.islink(os.path.join(h.spool, "kvt.dk", ".files", "info.auto")) and not os.listdir(h.path("state", "pending")))
    put(h, h.owner, "kvt.dk", "info.auto", None)
    folder = os.path.join(h.spool, "kvt.dk", ".files")
    os.rename(folder, folder + ".away")
    os.symlink("/etc", folder)
    r = admin(h, "responder", "set", "info@kvt.dk", data=AUTO)
    check("a folder that is a symlink is not entered", r[0] == 75 and not os.path.exists("/etc/info.auto"), r)
    os.unlink(folder)
    os.rename(folder + ".away", folder)
    admin(h, "domain", "list")


def users(h):
    """A user's vacation goes where he goes; a responder belongs to the address."""
    put(h, h.owner, "kvt.dk", "abc.vacation", AUTO)
    put(h, h.owner, "kvt.dk", "abc.vacation.db", "1795000000 1 s@example.org\n")
    put(h, h.owner, "kvt.dk", "new.vacation.db", "somebody else's\n")
    h.must_admin("responder", "set", "abc@kvt.dk", data=AUTO.encode())
    h.must_admin("user", "rename", "abc@kvt.dk", "new")
    equal("renamed with him, and the responder stays", (files(h), text(h, "new.vacation.db")),
          (["abc.auto", "new.vacation", "new.vacation.db"], "1795000000 1 s@example.org\n"))
    check("what stood there was nobody's, and is in the trash", "new.vacation.db" in trash(h), trash(h))
    check("so the old address answers still", "abc@kvt.dk" in keys(h) and "new@kvt.dk" in keys(h), keys(h))
    h.must_admin("user", "delete", "new@kvt.dk", "--yes")
    equal("deleted with him", files(h), ["abc.auto"])
    check("both are in the trash", len([n for n in trash(h) if n.startswith("new.vacation")]) == 3, trash(h))
    home = os.path.join(h.owner.pw_dir, "of_xyz")
    os.mkdir(home, 0o700)
    os.chown(home, h.owner.pw_uid, h.owner.pw_gid)
    h.must_admin("user", "add", "homely@kvt.dk", "--home", home, "--random")
    for name, data in ((".vacation", "Subject: Home\n\nx\n"), (".vacation.db", "")):
        write(os.path.join(home, name), data, 0o600, h.owner)
    contains("a vacation in a home is shown", admin(h, "vacation", "show", "homely@kvt.dk")[1], f"state: on\nfrom: -\nuntil: -\ndays: 7\nanswered: 0\nfile: {home}/.vacation\nsubject: Home\n")
    equal("it is on already", admin(h, "vacation", "on", "homely@kvt.dk")[1], "the vacation of homely@kvt.dk is on already\n")
    equal("and can be turned off", (admin(h, "vacation", "off", "homely@kvt.dk")[0], os.listdir(home)), (0, [".vacation", ".answered.lock"] if os.listdir(home)[0] == ".vacation" else [".answered.lock", ".vacation"]))
    write(os.path.join(home, ".vacation.db"), "", 0o600, h.owner)
    h.must_admin("user", "delete", "homely@kvt.dk", "--yes")
    check("or deleted with its user", not os.path.exists(os.path.join(home, ".vacation.db")) and not os.path.exists(os.path.join(home, ".vacation")), os.listdir(home))


def domains(h):
    h.must_admin("domain", "add", "two.dk", "--account", h.owner.pw_name)
    h.must_admin("responder", "set", "info@two.dk", data=AUTO.encode())
    h.must_admin("domain", "delete", "two.dk", "--yes")
    check("a domain's responders go with it", "info@two.dk" not in keys(h) and not os.path.exists(os.path.join(h.spool, "two.dk")), keys(h))
    kept = [n for n in os.listdir(os.path.join(h.spool, ".trash")) if n.startswith("two.dk.")]
    equal("into the trash", read(os.path.join(h.spool, ".trash", kept[0], ".files", "info.auto")).decode(), AUTO)


def samples(h):
    for args, name, path in ((("responder", "set", "sample@kvt.dk"), "responder.auto", "sample.auto"), (("vacation", "set", "kvt@kvt.dk"), "user.vacation", "kvt.vacation")):
        data = read(os.path.join(TOP, "samples", name))
        r = admin(h, *args, "--text-file", os.path.join(TOP, "samples", name))
        equal(f"samples/{name} is taken as it is, and all of it is sent", (r[0], r[2], text(h, path)), (0, "", data.decode()))


def at_once(h):
    running = [subprocess.Popen([f"{h.bin}/postfix-virtual", "-c", h.etc, "responder", "set", f"r{i}@kvt.dk", "--subject", str(i), "--text-file",
                                 h.path("message")], env=CLEAN_ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for i in range(6)]
    equal("six at once are all done", [p.wait() for p in running], [0] * 6)
    check("and all have their addresses", {f"r{i}@kvt.dk" for i in range(6)} <= keys(h), keys(h))


def left_alone(h):
    """An alias goes, and a responder of its name stays."""
    note = ("postfix-virtual: left@kvt.dk has a responder: the address goes on answering, and mail for it is not stored anywhere; "
            "postfix-virtual responder delete left@kvt.dk ends that\n")
    h.must_admin("alias", "add", "left@kvt.dk", "abc")
    h.must_admin("alias", "add", "xyz@kvt.dk", "abc")
    for name in ("left", "xyz"):
        h.must_admin("responder", "set", f"{name}@kvt.dk", data=AUTO.encode())
    equal("that the responder goes on alone is said", admin(h, "alias", "delete", "left@kvt.dk"), (0, "alias left@kvt.dk deleted\n", note))
    equal("nothing is said where a user gets the mail", admin(h, "alias", "delete", "xyz@kvt.dk"), (0, "alias xyz@kvt.dk deleted\n", ""))
    equal("the command that it names does it", (admin(h, "responder", "delete", "left@kvt.dk")[0], "left@kvt.dk" in keys(h)), (0, False))
    h.must_admin("responder", "delete", "xyz@kvt.dk")
    h.must_admin("alias", "add", "left@kvt.dk", "abc")
    equal("nor without a responder", admin(h, "alias", "delete", "left@kvt.dk"), (0, "alias left@kvt.dk deleted\n", ""))


def hooks(h):
    runs = h.path("hook.runs")
    os.mkdir(f"{h.etc}/hooks", 0o755)
    write(f"{h.etc}/hooks/any", f'#!/bin/sh\necho "$*" >>{runs}\n', 0o755)
    h.must_admin("responder", "set", "info@kvt.dk", data=AUTO.encode())
    h.must_admin("vacation", "on", "kvt@kvt.dk")
    equal("hooks are told", read(runs).decode().splitlines(), ["responder-set info@kvt.dk", "vacation-on kvt@kvt.dk"])


def takes_no_mail(h):
    """Whoever takes no mail answers none: that is said when the answer is set up, and when it is so already."""
    h.must_admin("user", "add", "shut@kvt.dk", "--random")
    note = "postfix-virtual: nobody is answered while mail for {} is refused: {}\n"
    rows = (
        ("a user who is disabled", "user disable shut@kvt.dk", "user enable shut@kvt.dk", "shut@kvt.dk", "this mailbox takes no mail"),
        ("one with receive = no", "user set shut@kvt.dk receive=no", "user set shut@kvt.dk receive=", "shut@kvt.dk", "this mailbox takes no mail"),
        ("one who expired", ("users/shut", f"expires = {day(-2)}\n"), "user set shut@kvt.dk expires=", "shut@kvt.dk", "this address is no longer in use"),
        ("a domain that takes none", "domain set kvt.dk receive=no", "domain set kvt.dk receive=", "shut@kvt.dk", "this mailbox takes no mail"),
        ("a domain that takes none, and a name that is nobody's", "domain set kvt.dk receive=no", "domain set kvt.dk receive=", "robot@kvt.dk", "this mailbox takes no mail"),
        ("an alias that expired", ("aliases", f"#: expires={day(-2)}\ngone: kvt\n"), "alias delete gone@kvt.dk", "gone@kvt.dk", "this address is no longer in use"),
    )
    for say, before, after, address, why in rows:
        if isinstance(before, tuple):
            write(os.path.join(h.etc, "kvt.dk", before[0]), before[1], 0o600, h.owner)
        else:
            h.must_admin(*before.split())
        want = note.format(address, why)
        equal(f"{say}: a responder", admin(h, "responder", "set", address, data=AUTO), (0, f"responder {address} set\n", want))
        equal(f"{say}: once more", admin(h, "responder", "set", address, data=AUTO), (0, f"{address} is answered so already\n", want))
        if address[:4] == "shut":
            equal(f"{say}: a vacation", [admin(h, "vacation", *words, address) for words in (("on",), ("set", "--days", "3"), ("off",))],
                  [(0, f"vacation of {address} turned on\n", want), (0, f"vacation of {address} changed\n", want), (0, f"vacation of {address} turned off\n", "")])
            h.must_admin("vacation", "set", address, "--days", "")
        r = admin(h, "-n", "responder", "set", address, data=AUTO + "more\n")
        check(f"{say}: a dry run says so as well", r[0] == 0 and want[len("postfix-virtual: "):] in r[1], r)
        h.must_admin("responder", "delete", address)
        h.must_admin(*after.split())
    equal("nothing is said of one who takes mail", admin(h, "responder", "set", "shut@kvt.dk", data=AUTO), (0, "responder shut@kvt.dk set\n", ""))
    h.must_admin("responder", "delete", "shut@kvt.dk")
    r = admin(h, "-n", "responder", "set", "robot@kvt.dk", data=AUTO)
    check("nor of a new name, by a dry run", r[0] == 0 and "refused" not in r[1], r)


def main():
    h = House()
    a = h.owner = h.account("a")
    h.must_admin("domain", "add", "kvt.dk", "--account", a.pw_name)
    h.must_admin("domain", "alias", "kvt.org", "kvt.dk")
    for user in ("abc", "kvt", "xyz"):
        h.must_admin("user", "add", f"{user}@kvt.dk", "--name", f"{user}name", "--random")
    h.before = history(h)
    responders(h, a)
    for part in (refused, vacations, refused_vacations, damaged, users, domains, samples, at_once, left_alone, takes_no_mail, hooks):
        part(h)
    done()


main()
