#!/usr/bin/python3
"""postfix-virtual adopt: whose a domain of 2002 or of qmail is, what is refused, what is said, what is made.
(Its mail: postfix/adopt; killed: whole/adopt_kill.)
"""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from scratch import read, run, write  # noqa: E402
from site2002 import REGEXP, VIRTUAL, Stage, changed  # noqa: E402
from tap import check, contains, done, equal, note  # noqa: E402

def refuses(s, sentence, args, words, domain="kvt.dk"):
    before = s.tree()
    status, said = s.adopt(*args, domain=domain)
    check(f"refused: {sentence}", status == 1 and all(w in said for w in words), f"{status} {said}\nwant {words}")
    after = s.tree()
    ours = {p for p in after if "/run" in p or "/state" in p}  # locks and empty folders of ours
    equal(f"and nothing is changed: {sentence}", changed({p: v for p, v in before.items() if p not in ours},
                                                         {p: v for p, v in after.items() if p not in ours}), "")


def accounts(s):
    """Who the domain's account is, by each source, and where two contradict each other."""
    w, a = s.site.words, s.site.account
    by_line = f"{w['top']}/postfix/virtual_regexp, line 2"
    for what, prepare, args, source in [
        ("the owner of the folder", lambda: None, [], f"the owner of {s.site.folder}"),
        ("the expression, where the folder is root's", lambda: s.chown_folder(0), [], by_line),
        ("--account with both", lambda: None, ["--account", w["account"]], f"the owner of {s.site.folder}"),
        ("--account against the expression", lambda: (s.chown_folder(0), s.table("virtual_regexp", REGEXP.replace("{account}", "{jth}"))),
         ["--account", w["account"]], "--account"),
        ("a catch-all line", lambda: (s.chown_folder(0), s.table("virtual_regexp", ""), s.table("virtual", VIRTUAL + "@kvt.dk {account}\n")),
         [], f"{w['top']}/postfix/virtual, line 7"),
        ("lines of single users", lambda: (s.chown_folder(0), s.table("virtual_regexp", ""),
                                           s.table("virtual", VIRTUAL + "abc@kvt.dk {account}+abc--kvt.dk\n")),
         [], f"{w['top']}/postfix/virtual, line 7"),
        ("a pcre table, with the delimiter - and ${1}", lambda: (s.chown_folder(0), s.table("virtual_regexp", "/^(.+)@kvt\\.dk$/ {account}-${{1}}\n"),
                                                                 s.set(virtual_maps="pcre:$config_directory/virtual_regexp")),
         [], f"{w['top']}/postfix/virtual_regexp, line 1"),
        ("an inline table", lambda: (s.chown_folder(0), s.set(virtual_maps="", virtual_alias_maps="inline:{@kvt.dk=%s}" % w["account"])),
         [], f"{w['top']}/postfix, line 0"),
    ]:
        s.renew()
        prepare()
        status, report = s.adopt(*args)
        equal(f"the account comes from {what}", (status, report["domain"][0] if status == 0 else report)[0], 0)
        if status == 0:
            contains(f"and it is said so: {what}", report["domain"][0], f"account {w['account']} ({source})")
            equal(f"the folder is the account's: {what}", os.stat(s.site.folder).st_uid, a.pw_uid)

    s.renew()
    s.table("virtual_regexp", REGEXP.replace("{account}", "{jth}"))
    refuses(s, "the folder says one account, the expression another", [], [w["account"], w["jth"], by_line, "the owner of"])
    s.renew()
    refuses(s, "--account is not the folder's owner", ["--account", w["jth"]], ["--account says", "the owner of", w["account"]])
    refuses(s, "--account names nobody", ["--account", "nobody-of-that-name"], ["there is no account"])
    refuses(s, "--account is root", ["--account", "root"], ["root"])
    write(f"{s.h.etc}/domains", f"kvt.dk account={w['jth']}\n")
    refuses(s, "domains names another account", [], [w["jth"], "/domains"])
    s.renew()
    s.chown_folder(0)
    s.table("virtual_regexp", "")
    refuses(s, "nothing says which account", [], ["nothing here says which account", "--account"])
    s.table("virtual", VIRTUAL + "abc@kvt.dk {account}+abc--kvt.dk\nkvt@kvt.dk {jth}+kvt--kvt.dk\n")
    refuses(s, "two lines say two accounts", [], [w["account"], w["jth"], "line 7", "line 8"])


def files(s):
    """What stands in the way in the domain's own folders."""
    w, a, folder = s.site.words, s.site.account, s.site.folder
    real = os.path.join(a.pw_dir, "passwd")
    line = f":{a.pw_uid}:{a.pw_gid}::.:\n"
    for sentence, prepare, words in [
        ("a folder that a group may write", lambda: os.chmod(folder, 0o770), ["mode 0770", "chmod go-w"]),
        ("a folder that is a symlink", lambda: (os.rename(folder, f"{w['home']}/kvt.dk"), os.symlink(f"{w['home']}/kvt.dk", folder)), ["symlink"]),
        ("a spool that is another's", lambda: os.chown(f"{w['spool']}/kvt.dk", s.site.jth.pw_uid, 0), ["chown it"]),
        ("a spool that everybody may write", lambda: os.chmod(f"{w['spool']}/kvt.dk", 0o777), ["chmod go-w"]),
        ("no passwd", lambda: os.unlink(f"{folder}/passwd"), ["passwd", "missing"]),
        ("a symlink that leads nowhere", lambda: os.unlink(real), ["passwd"]),
        ("a passwd that everybody may write", lambda: os.chmod(real, 0o666), ["0666"]),
        ("another uid in a line", lambda: write(real, f"abc:x:1:1::.:\nkvt:x{line}", 0o600, a), ["line 1", "its uid is 1"]),
        ("two bad lines", lambda: write(real, f"abc:x:1:1::.:\nå:x{line}kvt:x{line}", 0o600, a), ["line 1", "line 2", "2 lines of"]),
        ("a user twice", lambda: write(real, f"abc:x{line}ABC:x{line}", 0o600, a), ["line 2", "stands in line 1"]),
        ("no newline at the end", lambda: write(real, f"abc:x{line}"[:-1], 0o600, a), ["newline"]),
        ("an empty passwd", lambda: write(real, "", 0o600, a), ["is empty"]),
        ("a passwd of root's that the account cannot read", lambda: (s.chown_folder(0), os.unlink(f"{folder}/passwd"),
                                                                     write(f"{folder}/passwd", f"abc:x{line}", 0o600)), ["chown"]),
        ("a relative symlink in root's folder", lambda: (s.chown_folder(0), os.unlink(f"{folder}/passwd"), os.symlink("x", f"{folder}/passwd")),
         ["whole path"]),
        ("a domain in mydestination", lambda: s.set(mydestination="localhost, kvt.dk"), ["mydestination"]),
        ("an alias", lambda: write(f"{s.h.etc}/domains", "kvt.dk alias_of=other.dk\n"), ["alias of"]),
        ("a domain of Postfix's own kind", lambda: write(f"{s.h.etc}/domains", "kvt.dk postfix=yes\n"), ["postfix=yes"]),
    ]:
        s.renew()
        prepare()
        refuses(s, sentence, [], words)
    s.renew()
    refuses(s, "a domain of which nothing is there", [], ["domain add new.dk"], domain="new.dk")
    s.renew()
    s.chown_folder(0)
    os.unlink(f"{folder}/passwd")
    write(f"{folder}/passwd", f"b:*{line}a:*{line}", 0o644)
    status, report = s.adopt()
    equal("a passwd of root's that all may read is kept, root's", (status, os.stat(f"{folder}/passwd").st_uid, read(f"{folder}/passwd")),
          (0, 0, f"b:*{line}a:*{line}".encode()))


def advice(s):
    """What is said of old lines and of the account's files."""
    w, a, home = s.site.words, s.site.account, s.site.account.pw_dir
    top = f"{w['top']}/postfix"
    for what, tables, remove, todo, sub_domains in [
        ("the expression without sub-domains", {"virtual_regexp": "/^(.+)@kvt\\.dk$/ {account}+$1--kvt.dk\n"},
         [":1: /^(.+)@kvt\\.dk$/", ":4: kvt.dk"], ["nothing is left in regexp:", "virtual_maps in"], False),
        ("two expressions, one for sub-domains", {"virtual_regexp": "/^(.+)@kvt\\.dk$/ {account}+$1--kvt.dk\n/^(.+)@.+\\.kvt\\.dk$/ {account}+$1--kvt.dk\n"},
         [":2: /^(.+)@.+", ":1: /^(.+)@kvt", ":4: kvt.dk"], ["nothing is left in regexp:"], True),
        ("an expression for two domains", {"virtual_regexp": "/^(.+)@(.+\\.)?(kvt|other)\\.dk$/ {account}+$1--$2$3.dk\n"},
         [":4: kvt.dk"], ["take kvt.dk out of", "answers for other.dk too"], True),
        ("an expression for every domain", {"virtual_regexp": "/^postmaster@/ {jth}\n/^(.+)@(.+)$/ ${{1}}@${{2}}\n"}, [":4: kvt.dk"], [], False),
        ("inside a block", {"virtual_regexp": "if /kvt\\.dk$/\n/^(.+)@(.+\\.)?(kvt\\.dk)$/\n  {account}+$1--$2$3\nendif\n"},
         [":2: /^(.+)@(.+\\.)?(kvt\\.dk)$/ " + w["account"] + "+$1--$2$3", ":4: kvt.dk"], ["virtual_regexp:2: "], True),
        ("a line for one sub-domain", {"virtual_regexp": "", "virtual": VIRTUAL + "www.kvt.dk anything\n"}, [":4: kvt.dk"], [], False),
        ("single users by extension", {"virtual_regexp": "", "virtual": VIRTUAL + "abc@kvt.dk {account}+abc--kvt.dk\njo@kvt.dk jo@example.org\n"},
         [":7: abc@kvt.dk", ":4: kvt.dk"], ["postmap -c"], False),
    ]:
        s.renew()
        for name, text in tables.items():
            s.table(name, text)
        status, report = s.adopt("-n", "--account", w["account"])
        got = (report["remove"], report["todo"]) if status == 0 else report
        ends = [line.startswith(f"{top}/virtual") and part in line for line, part in zip(report["remove"], remove)]
        check(f"{what}: the lines to remove, in order", len(report["remove"]) == len(remove) and all(ends), got)
        check(f"{what}: what is to be done", all(any(t in l for l in report["todo"]) for t in todo), got)
        equal(f"{what}: sub-domains", "with its sub-domains" in report["domain"][0], sub_domains)

    s.renew()
    s.set(virtual_alias_domains=f"kvt.dk, other.dk, regexp:{top}/domains", virtual_alias_maps=f"hash:{top}/virtual")
    write(f"{top}/domains", "/^(.+\\.)?kvt\\.dk$/ x\n")
    _, report = s.adopt("-n")
    contains("a domain in main.cf itself is named", "\n".join(report["todo"]), f"take `kvt.dk` out of {top}/main.cf")
    contains("an expression for domains too", report["remove"], f"{top}/domains:1: /^(.+\\.)?kvt\\.dk$/ x")
    contains("and it means sub-domains", report["domain"][0], "with its sub-domains")

    s.renew()
    for name, text, mode in [(".forward+wide--kvt.dk", "x\n", 0o666), (".forward+gone--kvt.dk", "x\n", 0o600), (".forward+abc--y.z.kvt.dk", "x\n", 0o600),
                             (".forward+hollow--kvt.dk", "", 0o600), (".forward+awk--kvt.dk", "|awk -f /usr/local/bin/virtual.awk\n", 0o600),
                             (".forward+x--other.dk", "x\n", 0o666), (".forward+bare", "x\n", 0o600), (".forward+b\033[1m--kvt.dk", "x\n", 0o600)]:
        write(os.path.join(home, name), text, mode, a)
    os.symlink("/etc/passwd", os.path.join(home, ".forward+link--kvt.dk"))
    write(f"{home}/passwd", read(f"{home}/passwd").decode() + f"des:abJnggxhB/yWI:{w['uid']}:{w['gid']}::.:\n", 0o700, a)
    _, report = s.adopt("-n")
    know = "\n".join(report["know"])
    note(know)
    for words in [".forward+wide--kvt.dk can be written by everybody", ".forward+hollow--kvt.dk is empty", ".forward+link--kvt.dk is a symlink",
                  "mail for awk, gone, hollow, link, wide will be refused", "the domain's user: .forward+abc--y.z.kvt.dk",
                  "program of 2002 is started by the .forward files of awk;", "3 of 5 passwords are plain text", "1 passwords may be plain text or hashes",
                  f"postmaster@kvt.dk stays with {w['jth']}, by {top}/virtual:5"]:
        contains(f"it is said: {words.split(w['jth'])[0]}", know, words)
    check("nothing of another domain, of bare files, or of a terminal's", "other.dk" not in know and "bare" not in know and "\033" not in know, know)

    s.renew()
    write(f"{home}/passwd", f"postmaster:*:{w['uid']}:{w['gid']}::.:\n", 0o600, a)
    _, report = s.adopt("-n")
    check("a postmaster of its own is not missed", not any("postmaster@" in l for l in report["know"]), report)
    s.renew()
    spool = f"{w['spool']}/kvt.dk"
    for name, mode in (("group", 0o660), ("run", 0o700), ("fine", 0o640), (".hidden", 0o666), ("abc.lock", 0o666)):
        write(f"{spool}/{name}", "", mode, a)
    write(f"{spool}/other", "", 0o600, s.site.jth)
    os.link(f"{spool}/fine", f"{spool}/twin")
    os.symlink("fine", f"{spool}/link")
    os.mkdir(f"{spool}/maildir")
    _, report = s.adopt("-n")
    got = {l.split()[1].split("/")[-1]: l.split(None, 2)[2] for l in report["know"] if l.startswith("mailbox ")}
    equal("mailboxes into which nothing could be delivered are named", {n: t.split(":")[0] for n, t in got.items()},
          {"group": "is writable by others", "run": "is executable", "other": "belongs to another user", "fine": "has a second hard link",
           "twin": "has a second hard link", "link": "is not a regular file"})

    s.renew()
    count = 9000
    for i in range(count):
        write(os.path.join(home, f".forward+hollow{i:04}--kvt.dk"), "", 0o600, a)
        write(f"{spool}/group{i:04}", "", 0o660, a)
    status, report = s.adopt("-n")
    equal("thousands of files with a fault do not stand in the way", status, 0)
    know = report["know"] if status == 0 else [report]
    for kind, more in ((f"{home}/.forward+hollow", f" more .forward files of kvt.dk in {home} are passed over, for such a reason"),
                       (f"mailbox {spool}/", f" more mailboxes in {spool} are like these; until then their mail waits")):
        equal(f"twenty of them are named: {kind.rsplit('/', 1)[1] or 'mailboxes'}", len([l for l in know if l.startswith(kind)]), 20)
        contains("and the others counted", know, f"{count - 20}{more}")

    s.renew()
    run(["/usr/bin/rm", f"{top}/virtual", f"{top}/virtual_regexp"])
    s.set(virtual_maps=f"hash:{top}/virtual, ldap:/nowhere, regexp:{top}/virtual_regexp")
    _, report = s.adopt("-n")
    know = "\n".join(report["know"])
    contains("a table without its text is named", know, f"hash:{top}/virtual has no text")
    contains("a table of another type is named", know, "ldap:/nowhere is not looked into")
    s.renew()
    os.chown(f"{top}/virtual_regexp", a.pw_uid, a.pw_gid)
    _, report = s.adopt("-n")
    know = "\n".join(report["know"])
    contains("a table that an account controls is not opened by root", know, "virtual_regexp was not read")
    contains("but what it answers is asked of Postfix", know, "for any user of kvt.dk, and no line of it says so")


VIRTUALDOMAINS = "kvt.dk:{account}\n.kvt.dk:{account}-below\nwww.kvt.dk:{jth}\nkim@kvt.dk:{jth}\nempty.dk:\nlocal.dk:{account}\n:{other}\nnoone.dk:pvt_nobody-has-that\n"


def virtualdomains(s):
    """qmail's file, rows of its own table: see unit/change_adopt for the patterns."""
    w, a, home = s.site.words, s.site.account, s.site.account.pw_dir
    control = s.h.path("postfix", "virtualdomains")
    args = ["--virtualdomains", control]

    def fresh():
        s.renew()
        s.set(virtual_maps="")
        shutil.rmtree(s.site.folder)
        shutil.rmtree(f"{w['spool']}/kvt.dk")
        write(control, VIRTUALDOMAINS.format(**w))
        write(s.h.path("postfix", "locals"), "localhost\nlocal.dk\n")

    fresh()
    for name in (".qmail-info", ".qmail-john:smith", ".qmail-default", ".forward+bare", ".forward+abc--kvt.dk"):
        write(os.path.join(home, name), "x\n", 0o600, a)
    before = s.tree()
    status, report = s.adopt("-n", *args)
    equal("with virtualdomains, -n changes nothing", (status, changed(before, s.tree())), (0, ""))
    status, report = s.adopt(*args)
    equal("with virtualdomains it is adopted", status, 0)
    equal("whose it is, and with sub-domains", report["domain"], [f"account {w['account']} ({control}, line 1), 4 users, with its sub-domains"])
    line = f":*:{w['uid']}:{w['gid']}::.:\n"
    equal("the users are those whom .forward files name, locked", read(f"{s.site.folder}/passwd").decode(),
          "# user:hash:uid:gid:name:home:\n" + "".join(u + line for u in ("abc", "anna", "kvt", "proc")))
    for path, mode in ((s.site.folder, 0o700), (f"{s.site.folder}/passwd", 0o600), (f"{w['spool']}/kvt.dk", 0o700)):
        st = os.stat(path)
        equal(f"{os.path.basename(path)} is the account's alone", (st.st_uid, oct(st.st_mode & 0o7777)), (a.pw_uid, oct(mode)))
    know = "\n".join(report["know"])
    for words in ("postfix-virtual user add info@kvt.dk --random", "postfix-virtual user add john.smith@kvt.dk --random",
                  "postfix-virtual user add bare@kvt.dk --random", ".qmail-default takes what is addressed to nobody", "kim@kvt.dk goes to",
                  "www.kvt.dk is a domain of its own"):
        contains(f"it is said: {words}", know, words)
    check("no user is missed who is there", "user add abc@" not in know and "user add default@" not in know, know)
    r = s.h.admin("user", "add", "john.smith@kvt.dk", "--random")
    equal("the command that it names works", r.returncode, 0)

    fresh()
    write(os.path.join(home, ".qmail-below-x"), "x\n", 0o600, a)
    write(control, "kvt.dk:{account}-below\n".format(**w))
    _, report = s.adopt("-n", *args)
    contains("an extension in the prefix is part of the files' names", "\n".join(report["know"]), "user add x@kvt.dk")
    check("and there are no sub-domains without a wildcard", "sub-domains" not in report["domain"][0], report)
    for what, text, sub in [("a wildcard of another account", "kvt.dk:{account}\n.kvt.dk:{jth}\n", False), ("everything, of the same account", ":{account}\n", True)]:
        write(control, text.format(**w))
        _, report = s.adopt("-n", *args)
        equal(f"sub-domains by {what}", "with its sub-domains" in report["domain"][0], sub)

    fresh()
    refuses(s, "an exception", args, ["line 5", "exception"], domain="empty.dk")
    refuses(s, "a domain in qmail's locals", args, ["locals", "before virtualdomains"], domain="local.dk")
    refuses(s, "a prefix that is no account", args, ["line 8", "no account"], domain="noone.dk")
    refuses(s, "two sources", [*args, "--account", "root"], ["root"])
    write(control, "a.dk:x\n")
    refuses(s, "no line fits", args, ["no line of"])
    refuses(s, "no such file", ["--virtualdomains", control + ".x"], ["there is no file"])
    refuses(s, "a path that is not whole", ["--virtualdomains", "x"], ["whole path"])

    s.renew()
    shutil.rmtree(s.site.folder)
    s.table("virtual_regexp", "/^(.+)@kvt\\.dk$/ {account}+$1\n")
    write(os.path.join(home, ".forward+info"), "x\n", 0o600, a)
    status, report = s.adopt()
    equal("the way of virtualdomains in Postfix: an expression without the domain is enough", status, 0)
    contains("and the users without a domain in their files are named", "\n".join(report["know"]), ".forward+info names a user who is missing")


def already(s):
    s.renew()
    h = s.h
    h.must_admin("domain", "add", "made.dk", "--account", s.site.jth.pw_name)
    before = s.tree()
    status, report = s.adopt(domain="made.dk")
    equal("a domain that was made by domain add: nothing to do", (status, report["already"], report["remove"]), (0, True, []))
    equal("and nothing is changed", changed(before, s.tree()), "")
    for order in (("adopt", "setup"), ("setup", "adopt")):
        s.renew()
        for step in order:
            h.must_admin(*(["setup", "--yes"] if step == "setup" else ["adopt", "kvt.dk"]))
            if os.path.exists(h.path("run", "reload")):  # nobody runs who would have to be reloaded, at most every 10 s
                os.unlink(h.path("run", "reload"))
        state = {p: v[4] for p, v in s.tree().items() if "/etc/" in p and not p.endswith(".lmdb")}
        if order[0] == "adopt":
            first = state
    equal("adopt before setup and after it come to the same", changed(first, state), "")
    os.chown(s.site.folder, 0, 0)
    status, report = s.adopt()
    equal("a folder that was given back to root is given to the account again", (status, os.stat(s.site.folder).st_uid), (0, s.site.account.pw_uid))


def main():
    s = Stage()
    accounts(s)
    files(s)
    advice(s)
    virtualdomains(s)
    already(s)
    done()


main()
