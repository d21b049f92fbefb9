#!/usr/bin/python3
"""postfix-virtual: every row of its table, by exact output and exit status; refusals; two at once; files that
an account put in the way.
"""
import json
import os
import pty
import re
import select
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH, House, said  # noqa: E402
from scratch import CLEAN_ENV, TOP, must, read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

NOT_SET_UP = "main.cf does not name our tables yet: postfix-virtual setup puts them in"
OTHER = HASH[:-1] + "."

# Rows with a test of their own.
ELSEWHERE = {"doctor": "postfix/doctor.py", "user apop": "whole/logins.py", "dovecot-config": "whole/logins.py", "setup": "postfix/setup.py", "domain set": "whole/domain.py", "domain alias": "whole/domain.py",
             "host-addresses list": "whole/domain.py", "host-addresses set": "whole/domain.py",
             "host-addresses delete": "whole/domain.py",
             "nightly": "whole/nightly.py", "user set": "whole/user_set.py", "alias add": "whole/alias.py", "alias set": "whole/alias.py",
             "alias list": "whole/alias.py", "alias delete": "whole/alias.py", "mailbox show": "whole/mailbox_admin.py",
             "mailbox verify": "whole/mailbox_admin.py", "mailbox repair": "whole/mailbox_admin.py", "mailbox convert": "whole/mailbox_admin.py",
             **{f"{n} {v}": "whole/answers.py" for n, v in (("responder", "set"), ("responder", "list"), ("responder", "show"), ("responder", "delete"),
                                                            ("vacation", "on"), ("vacation", "set"), ("vacation", "off"), ("vacation", "show"))}}

exercised = set()


def admin(h, *args, data=None):
    """Run it; returns (exit status, stdout, stderr)."""
    words = [a for a in args if not a.startswith("-")]
    exercised.update({" ".join(words[:1]), " ".join(words[:2])})
    r = h.admin(*args, data=data)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def usage(text):
    return said(text) + "postfix-virtual --help says more\n"


def table(h, rows):
    for args, want in rows:
        data = None
        if isinstance(args, tuple):
            args, data = args
        got = admin(h, *args.split("|"), data=data)
        if callable(want[1]) or callable(want[2]):
            fits = all(w(g) if callable(w) else w == g for g, w in zip(got, want))
            check(args.replace("|", " "), fits, got)
        else:
            equal(args.replace("|", " "), got, want)


def forward(h, a, user, domain):
    return read(os.path.join(a.pw_dir, f".forward+{user}--{domain}")).decode()


def keys(h):
    return [l for l in read(os.path.join(h.map_folder, "virtual")).decode().splitlines() if not l.startswith("#")]


def users(h, domain):
    return [l for l in read(os.path.join(h.etc, domain, "passwd")).decode().splitlines() if not l.startswith("#")]


def walk(h):
    """Every row, from a domain's beginning to its end."""
    a = h.account("a")
    name, home = a.pw_name, a.pw_dir
    line = f":{a.pw_uid}:{a.pw_gid}:"
    table(h, [
        ("domain|list", (0, "", "")),
        ("domain|add|kvt.dk", (1, "", said("there is no account kvt_dk: name one that is there with --account, or add --create-account"))),
        (f"domain|add|KVT.dk|--account|{name}|--sub-domains", (0, "domain kvt.dk added\n", "")),
        (f"domain|add|kvt.dk|--account={name}", (0, "domain kvt.dk is already there\n", "")),
        ("domain|add|kvt.dk", (0, "domain kvt.dk is already there\n", "")),
        ("domain|add|kvt.dk|--account|root", (1, "", said(f"kvt.dk is there already and belongs to {name}, not to root"))),
        (f"domain|add|blåbær.dk|--account|{name}", (0, "domain xn--blbr-roah.dk added\n", "")),
        ("domain|list", (0, f"kvt.dk\t{name}\nxn--blbr-roah.dk\t{name}\n", "")),
        ("domain|delete|blåbær.dk|--yes", (0, "domain xn--blbr-roah.dk deleted\n", lambda e: e.count(".trash for 30 days") == 2)),
        ("domain|show|kvt.dk", (0, f"domain: kvt.dk\nsettings: {h.etc}/kvt.dk\naccount: {name}\nhome: {home}\nusers: 0\n"
                                   "sub_domains: yes\ncommands: yes\nown: \n", "")),
    ])
    equal("a new domain's passwd is whole and empty", read(f"{h.etc}/kvt.dk/passwd"), b"# user:hash:uid:gid:name:home:\n")
    modes = {p: oct(os.stat(p).st_mode & 0o7777) for p in (f"{h.etc}/kvt.dk", f"{h.etc}/kvt.dk/passwd", f"{h.spool}/kvt.dk")}
    equal("nobody else may read it", list(modes.values()), ["0o700", "0o600", "0o700"])
    equal("its files are the account's", {os.stat(p).st_uid for p in modes}, {a.pw_uid})
    equal("what root decided stands in domains", read(f"{h.etc}/domains").decode(), f"kvt.dk account={name} sub_domains=yes\n")
    table(h, [
        (f"user|add|ABC@kvt.dk|--name|abcname|--hash|{HASH}", (0, "user abc@kvt.dk added\n", "")),
        (f"user|add|abc@kvt.dk|--hash|{OTHER}", (1, "", said("abc@kvt.dk is there already"))),
        (("user|add|kvt@kvt.dk|--name|kvtname|--home|%s|--password-stdin" % home, b"secret\n"), (0, "user kvt@kvt.dk added\n", "")),
        ("user|list|kvt.dk", (0, "abc@kvt.dk\tabcname\tenabled\nkvt@kvt.dk\tkvtname\tenabled\n", "")),
        ("user|show|abc@kvt.dk", (0, "address: abc@kvt.dk\nname: abcname\nhome: .\nreceive: yes\nretrieve: yes\npassword: hash\n"
                                     f"mailbox: {h.spool}/kvt.dk/abc\nbytes: 0\n", "")),
        ("explain|abc+x@kvt.dk", (0, f"address: abc+x@kvt.dk\ndomain: kvt.dk\naccount: {name}\npostfix: {name}+abc--kvt.dk@virtual.invalid\n"
                                     f"forward_file: {a.pw_dir}/.forward+abc--kvt.dk+x\nforward_exists: no\n"
                                     f"result: delivered\nuser: abc\nmailbox: {h.spool}/kvt.dk/abc\nmailbox_exists: no\nlogin: abc@kvt.dk\npassword: hash (sha512)\n"
                                     f"exit_status: 0\nsteps:\n  lmdb:{h.map_folder}/virtual: abc@kvt.dk: {name}+abc--kvt.dk@virtual.invalid\n"
                                     f"  {a.pw_dir}/.forward+abc--kvt.dk+x: there is no such file: mailbox_command is run\n"
                                     f"  {h.etc}/kvt.dk/passwd:2: abc is a user\n"
                                     f"actions:\n  store it for abc in {h.spool}/kvt.dk/abc (mbox, {name}, 0600, not there yet)\n", said(NOT_SET_UP))),
        ("explain|nosuch@kvt.dk", (67, f"address: nosuch@kvt.dk\ndomain: kvt.dk\naccount: {name}\npostfix: refuses it: no table has it\n"
                                      "result: refused\nreason: no such user here\nstatus: 5.1.1\nexit_status: 67\n"
                                      f"steps:\n  {h.etc}/kvt.dk/domain.conf: nobody has that name, and there is no fallback\n"
                                      "  it is refused: 5.1.1 no such user here\n", said(NOT_SET_UP))),
        ("config|-n", (0, "".join(f"{k} = {v}".strip() + "\n" for k, v in sorted(h.settings.items())), "")),
        ("config", (0, lambda o: "default_domain =\n" in o and o.count("\n") == o.count(" ="), "")),
    ])
    equal("passwd is sorted, and holds what was given", [l for l in users(h, "kvt.dk")][0], f"abc:{HASH}{line}abcname:.:")
    check("a password from stdin is hashed by yescrypt", re.fullmatch(
        re.escape("kvt:") + r"\$y\$j9T\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{43}" + re.escape(f"{line}kvtname:{home}:"), users(h, "kvt.dk")[1]), users(h, "kvt.dk"))
    equal("the .forward file starts virtual-deliver with its recipient", forward(h, a, "abc", "kvt.dk"),
          f'"|{h.bin}/virtual-deliver -c {h.etc} abc@kvt.dk"\n')
    equal("it is the account's alone", oct(os.stat(f"{home}/.forward+abc--kvt.dk").st_mode & 0o777), "0o600")
    check("the account's own .forward is not touched", not os.path.exists(f"{home}/.forward"))
    equal("the maps have the user and the host's addresses", keys(h), [
        f"abc@kvt.dk\t{name}+abc--kvt.dk@virtual.invalid", "abuse@kvt.dk\tpostmaster",
        f"kvt@kvt.dk\t{name}+kvt--kvt.dk@virtual.invalid", "postmaster@kvt.dk\tpostmaster"])
    mail = b"From a@b.dk Fri Nov 20 10:00:00 2026\n\nx\n\n"
    write(f"{h.spool}/kvt.dk/abc", mail, 0o600, a)
    status, out, err = admin(h, "user", "password", "abc@kvt.dk", "--random")
    equal("a random password is printed once, and readable", (status, err, bool(re.fullmatch(
        r"password of abc@kvt\.dk changed\npassword: [a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5}\n", out))), (0, "", True))
    check("its hash is another", HASH not in users(h, "kvt.dk")[0] and users(h, "kvt.dk")[0].startswith("abc:$y$"), users(h, "kvt.dk"))
    table(h, [
        (f"user|password|abc@kvt.dk|--hash={OTHER}", (0, "password of abc@kvt.dk changed\n", "")),
        ("user|disable|abc@kvt.dk", (0, "user abc@kvt.dk disabled\n", "")),
        ("user|disable|abc@kvt.dk", (0, "user abc@kvt.dk is already disabled\n", "")),
        ("user|list|kvt.dk", (0, "abc@kvt.dk\tabcname\tdisabled\nkvt@kvt.dk\tkvtname\tenabled\n", "")),
    ])
    equal("a disabled user has no key", [k.split("@")[0] for k in keys(h)], ["abuse", "kvt", "postmaster"])
    equal("and its settings say so", read(f"{h.etc}/kvt.dk/users/abc"), b"receive = no\nretrieve = no\n")
    table(h, [
        ("user|rename|abc@kvt.dk|def", (0, "user abc@kvt.dk is now def@kvt.dk\n", "")),
        ("user|enable|def@kvt.dk", (0, "user def@kvt.dk enabled\n", "")),
        ("user|enable|def@kvt.dk", (0, "user def@kvt.dk is already enabled\n", "")),
        ("user|rename|def@kvt.dk|kvt", (1, "", said("kvt@kvt.dk is there already"))),
        ("user|rename|def@kvt.dk|abc@other.dk", (1, "", said("a user can be renamed within its domain only, kvt.dk"))),
        ("user|rename|abc@kvt.dk|xyz", (1, "", said("abc@kvt.dk is no user here: postfix-virtual user list kvt.dk"))),
    ])
    equal("a renamed user keeps password and name", users(h, "kvt.dk")[0], f"def:{OTHER}{line}abcname:.:")
    equal("and mailbox", (h.mailbox("kvt.dk", "def"), os.path.exists(f"{h.spool}/kvt.dk/abc")), (mail, False))
    equal("nothing else lies beside it", sorted(os.listdir(f"{h.spool}/kvt.dk")), ["def"])
    equal("the old .forward is gone, the new one there", (forward(h, a, "abc", "kvt.dk"), "def@kvt.dk" in forward(h, a, "def", "kvt.dk")), ("", True))
    equal("the key moved", keys(h)[1], f"def@kvt.dk\t{name}+def--kvt.dk@virtual.invalid")
    table(h, [
        ("user|delete|def@kvt.dk", (1, "", said("Delete user def@kvt.dk and the mail? There is no terminal to ask on: add --yes"))),
        ("user|delete|def@kvt.dk|--yes", (0, "user def@kvt.dk deleted\n", said(f"{h.spool}/kvt.dk/def is in {h.spool}/kvt.dk/.trash for 30 days"))),
        ("user|delete|def@kvt.dk|--yes", (1, "", said("def@kvt.dk is no user here: postfix-virtual user list kvt.dk"))),
        ("domain|delete|kvt.dk", (1, "", said("Delete domain kvt.dk with all its users and their mail? There is no terminal to ask on: add --yes"))),
    ])
    trash = os.listdir(f"{h.spool}/kvt.dk/.trash")
    equal("the mail is in the trash", [read(f"{h.spool}/kvt.dk/.trash/{n}") for n in trash], [mail])
    history(h)
    write(f"{home}/.forward", "x@y.dk\n", 0o600, a)
    write(f"{home}/.forward+by--kvt.dk", "/home/account/x\n", 0o600, a)
    write(f"{home}/.forward+a--kvt.dk.eu", "/home/account/x\n", 0o600, a)
    table(h, [("domain|delete|kvt.dk|--yes", (0, "domain kvt.dk deleted\n", lambda e: e.count("for 30 days") == 2)),
              ("domain|delete|kvt.dk|--yes", (1, "", said("kvt.dk is no domain here"))),
              ("domain|show|kvt.dk", (1, "", said("kvt.dk is no domain here: postfix-virtual domain list")))])
    equal("no key is left", keys(h), [])
    equal("settings and mail are in the trash", [len(os.listdir(f"{p}/.trash")) for p in (h.etc, h.spool)], [2, 2])
    equal("the line in domains is gone", read(f"{h.etc}/domains"), b"")
    equal("of the home's files only ours are gone, and one by hand is in its trash", sorted(os.listdir(home)),
          [".forward", ".forward+a--kvt.dk.eu", ".trash"])
    old_trash_goes(h, a)


def history(h):
    lines = read(h.path("state", "history", "kvt.dk")).decode().splitlines()
    what = [re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ root local ", "", l) for l in lines]
    equal("the history tells every change once", [w.replace(w.split("account=")[1].split()[0], "A") if "account=" in w else w for w in what], [
        "domain add kvt.dk account=A sub_domains=yes", "user add abc@kvt.dk", "user add kvt@kvt.dk", "user password abc@kvt.dk",
        "user password abc@kvt.dk", "user disable abc@kvt.dk", "user rename abc@kvt.dk def", "user enable def@kvt.dk", "user delete def@kvt.dk"])
    check("no hash is in it", "$" not in "".join(lines), lines)


def old_trash_goes(h, a):
    """What has been there for 30 days goes with the next command."""
    for top in (h.etc, h.spool):
        trash = os.path.join(top, ".trash")
        for name in os.listdir(trash):
            os.rename(f"{trash}/{name}", f"{trash}/" + re.sub(r"\.2\d{7}T", ".20200101T", name))
        os.symlink(f"{h.top}/home", f"{trash}/other.20200101T000000Z")
    admin(h, "domain", "list")
    equal("after 30 days the trash is emptied", [sorted(os.listdir(f"{t}/.trash")) for t in (h.etc, h.spool)],
          [["other.20200101T000000Z"]] * 2)
    check("what a symlink there leads to stays", os.path.isdir(a.pw_dir))


def refusals(h):
    a, other = h.account("b"), h.account("c")
    admin(h, "domain", "add", "one.dk", "--account", a.pw_name)
    admin(h, "domain", "add", "b--one.dk", "--account", a.pw_name)
    admin(h, "domain", "add", "b--two.dk", "--account", other.pw_name)
    admin(h, "domain", "add", "two.dk", "--account", a.pw_name)
    admin(h, "user", "add", "a@b--one.dk", "--hash", HASH)
    admin(h, "user", "add", "a@b--two.dk", "--hash", HASH)
    write(f"{h.etc}/domains", read(f"{h.etc}/domains") + b"alias.dk alias_of=one.dk\nfull.dk max_users=1\nown.dk own=postmaster\n")
    for name in ("full.dk", "own.dk"):
        admin(h, "domain", "add", name, "--account", a.pw_name)
    label = "a" * 60
    long_domain = ".".join([label, label, label, "a" * 50, "dk"])
    admin(h, "domain", "add", long_domain, "--account", a.pw_name)
    add = f"--hash|{HASH}"
    table(h, [
        (f"user|add|a--b@one.dk|{add}", (1, "", said(f"a--b@one.dk and a@b--one.dk, both account {a.pw_name}'s, are one name to Postfix (a--b--one.dk): choose another"))),
        (f"user|add|a--b@two.dk|{add}", (0, "user a--b@two.dk added\n", "")),
        (f"user|add|x@alias.dk|{add}", (1, "", said("alias.dk is an alias of one.dk: its users are there"))),
        ("domain|add|alias.dk", (1, "", said("alias.dk is an alias of one.dk: postfix-virtual domain delete alias.dk first"))),
        ("domain|delete|one.dk|--yes", (1, "", said("alias.dk is an alias of one.dk: postfix-virtual domain delete alias.dk first"))),
        (f"user|add|a@full.dk|{add}", (0, "user a@full.dk added\n", "")),
        (f"user|add|b@full.dk|{add}", (1, "", said(f"full.dk has 1 users, and max_users=1 stands in {h.etc}/domains: root can raise it with "
                                                          "postfix-virtual domain set full.dk max_users=2"))),
        (f"user|add|postmaster@one.dk|{add}", (1, "", said("postmaster@one.dk goes to the host's postmaster: to give it to the domain: postfix-virtual domain set one.dk own=postmaster"))),
        ("user|rename|a@full.dk|abuse", (1, "", said("abuse@full.dk goes to the host's postmaster: to give it to the domain: postfix-virtual domain set full.dk own=abuse"))),
        (f"user|add|postmaster@own.dk|{add}", (0, "user postmaster@own.dk added\n", "")),
        (f"user|add|{'u' * 64}@{long_domain}|{add}", (1, "", lambda e: "is too long: user and domain together may have 244 bytes" in e)),
        (f"user|add|x@nosuch.dk|{add}", (1, "", said("nosuch.dk is no domain here: postfix-virtual domain add nosuch.dk"))),
        (f"user|add|x@one.dk|--home|/etc|{add}", (1, "", said(f"the home /etc is not inside {a.pw_dir}, the home of account {a.pw_name}"))),
        (f"user|add|x@one.dk|--home|{a.pw_dir}/../x|{add}", (1, "", lambda e: "`..`" in e)),
        (f"user|add|x@one.dk|--home|{a.pw_dir}/x|{add}", (0, "user x@one.dk added\n", "")),
        (f"user|add|y@one.dk|--home|{a.pw_dir}/x|{add}", (1, "", said(f"the home {a.pw_dir}/x is user x's already"))),
        (f"user|add|y@one.dk|--name|a:b|{add}", (1, "", said("the name `a:b` holds a colon or a control character: leave it out"))),
        ("user|add|y@one.dk|--hash|secret", (1, "", said("that is no hash of crypt(3): make one with mkpasswd -m yescrypt"))),
        (("user|add|y@one.dk|--password-stdin", b"\n"), (1, "", said("an empty password is not taken"))),
        (("user|add|y@one.dk|--password-stdin", b"a" * 600), (1, "", lambda e: "longer than 511" in e)),
        ("user|add|y@one.dk", (2, "", usage("say where the password comes from: --password-stdin, --random or --hash"))),
        (f"user|add|y@one.dk|--random|{add}", (2, "", usage("only one of --password-stdin, --random and --hash"))),
        ("domain|add|mail.example.net", (1, "", lambda e: "stands in Postfix's mydestination; take it out first: postconf -c " in e)),
        ("domain|add|dk", (1, "", lambda e: e.startswith("postfix-virtual: "))),
        ("domain|add|x.invalid", (1, "", lambda e: e.startswith("postfix-virtual: "))),
        ("domain|add|../x.dk", (1, "", lambda e: e.startswith("postfix-virtual: "))),
        ("domain|add|new.dk|--account|root", (1, "", said("account root is root or in root's group: a domain needs an ordinary account"))),
    ])
    for setting in ("relay_domains", "virtual_mailbox_domains", "mydestination"):
        h.postfix.set(**{setting: "before.example, new.dk after.example"})
        equal(f"a domain in {setting} is refused, with the command that takes it out",
              admin(h, "domain", "add", "new.dk", "--account", a.pw_name), (1, "", said(
                  f"new.dk stands in Postfix's {setting}; take it out first: postconf -c {h.postfix.config} -e '{setting} = before.example, after.example'")))
        h.postfix.set(**{setting: ""})
    write(h.path("postfix", "relays"), "new.dk x\n")
    h.postfix.set(relay_domains="texthash:" + h.path("postfix", "relays"))
    equal("a domain in a table of relay_domains is refused", admin(h, "domain", "add", "new.dk", "--account", a.pw_name), (1, "", said(
        f"new.dk stands in Postfix's relay_domains; take it out first: postconf -c {h.postfix.config} -h relay_domains shows where")))
    h.postfix.set(relay_domains="")
    check("none of that left a folder", not os.path.exists(f"{h.etc}/new.dk") and not os.path.exists(f"{h.spool}/new.dk"))


def command_line(h):
    words = "setup, adopt, domain, host-addresses, user, alias, mailbox, responder, vacation, nightly, config, dovecot-config, explain, doctor"
    verbs = "add, list, show, set, password, apop, rename, disable, enable, delete"
    table(h, [
        ("frob", (2, "", usage(f"`frob` is no command; possible are: {words}"))),
        ("user", (2, "", usage(f"a command is missing; possible are: {verbs}"))),
        ("user|frob", (2, "", usage(f"`frob` is no command; possible are: {verbs}"))),
        ("user|add", (2, "", usage("it is: postfix-virtual user add ADDRESS [--name TEXT] [--home DIR] [--password-stdin] [--random] [--hash HASH]"))),
        ("user|add|a@b.dk|c", (2, "", lambda e: "it is: " in e)),
        ("user|add|a@b.dk|--frob", (2, "", usage("`--frob` is no option"))),
        ("user|add|a@b.dk|--random=x", (2, "", usage("--random takes no value"))),
        ("user|add|a@b.dk|--name", (2, "", usage("--name needs a value: TEXT"))),
        ("user|add|a@b.dk|--random|--random", (2, "", usage("--random is given twice"))),
        ("user|list|b.dk|--random", (2, "", usage("--random is no option of this command"))),
        ("user|list|--|--random", (1, "", lambda e: "--random" in e)),
        ("--version", (0, lambda o: re.fullmatch(r"postfix-virtual \d+\.\d+\.\d+\n", o), "")),
        ("|".join("a" * 601), (2, "", usage("too many words"))),
    ])
    r = run([f"{h.bin}/postfix-virtual"])
    equal("no command at all names the possible ones", (r.returncode, r.stdout, r.stderr.decode()),
          (2, b"", usage(f"a command is missing; possible are: {words}")))
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "user", "list", "one.dk"], user=60001, group=60001, extra_groups=[])
    equal("who is not root is told so", (r.returncode, r.stderr.decode()), (1, said("only root can do this: try sudo")))
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "config"], user=60001, group=60001, extra_groups=[])
    equal("anybody may look at the settings", r.returncode, 0)
    r = run([f"{h.bin}/postfix-virtual", "-c", h.path("nosuch"), "config"])
    equal("a missing configuration folder is named", (r.returncode, h.path("nosuch") in r.stderr.decode()), (75, True))
    with open("/dev/full", "wb") as full:
        r = subprocess.run([f"{h.bin}/postfix-virtual", "--help"], stdout=full, stderr=subprocess.PIPE, env=CLEAN_ENV, check=False)
    equal("a full disk behind the output is an error", (r.returncode, r.stderr.decode()), (75, said("write the output: No space left on device")))
    status, out, _ = admin(h, "--json", "user", "show", "x@one.dk")
    shown = json.loads(out)
    equal("JSON says the same", (status, shown["address"], shown["receive"], shown["bytes"]), (0, "x@one.dk", True, 0))
    status, out, _ = admin(h, "user", "add", "json@one.dk", "--random", "--json")
    shown = json.loads(out)
    equal("a change in JSON", (status, shown["message"], shown["already"], len(shown["password"])), (0, "user json@one.dk added", False, 17))


def help_has_every_row(h):
    _, out, err = admin(h, "--help")
    rows = re.findall(r"^  ([\w-]+(?: [a-z]+)?)(?: [\[A-Z].*)?\n      (\S.*)$", out, re.M)
    names = [r[0] for r in rows]
    equal("--help says nothing on stderr", err, "")
    check("every row has help", len(rows) >= 15 and all(len(text) > 10 for _, text in rows), rows)
    check("exit statuses are documented", all(f" {n} " in out.replace("\n", " ").replace(",", " ") for n in (0, 1, 2, 70, 75)), out)
    for noun in sorted({n.split()[0] for n in names}):
        status, part, _ = admin(h, noun, "--help")
        own = re.findall(r"^  ([\w-]+(?: [a-z]+)?)(?: [\[A-Z].*)?\n      \S", part, re.M)
        equal(f"{noun} --help prints its own rows", (status, own), (0, [n for n in names if n.split()[0] == noun]))
    missing = [n for n in names if n not in exercised and n not in ELSEWHERE]
    equal("every row is exercised here, or in a test of its own", missing, [])
    equal("which is there", [f for f in ELSEWHERE.values() if not os.path.exists(os.path.join(TOP, "t", f))], [])


def dry_run(h):
    a = h.account("d")
    admin(h, "domain", "add", "dry.dk", "--account", a.pw_name)
    admin(h, "user", "add", "abc@dry.dk", "--hash", HASH)
    write(f"{h.spool}/dry.dk/abc", b"From x\n\n", 0o600, a)

    def tree():
        found = {}
        for top in (h.etc, h.spool, h.path("state"), h.path("run"), a.pw_dir):
            for folder, _, files in os.walk(top):
                found.update({os.path.join(folder, f): read(os.path.join(folder, f)) for f in files})
        return found

    before = tree()
    passwd, home = f"{h.etc}/dry.dk/passwd", a.pw_dir
    line = f":{a.pw_uid}:{a.pw_gid}::.:"
    for args, parts in [
        (f"user|add|new@dry.dk|--hash|{OTHER}", [f"--- {passwd}\n+++ {passwd}\n", f"+new:{OTHER}{line}\n", f"+++ {home}/.forward+new--dry.dk\n",
                                                 f"# {h.map_folder}/virtual gets the line: new@dry.dk {a.pw_name}+new--dry.dk@virtual.invalid\n"]),
        (f"user|password|abc@dry.dk|--hash|{OTHER}", [f"-abc:{HASH}{line}\n+abc:{OTHER}{line}\n"]),
        ("user|rename|abc@dry.dk|def", [f"-abc:{HASH}{line}\n+def:{HASH}{line}\n", f"+++ {home}/.forward+def--dry.dk", f"# {h.spool}/dry.dk/abc would be renamed\n"]),
        ("user|disable|abc@dry.dk", [f"+++ {h.etc}/dry.dk/users/abc\n", "+receive = no\n", f"-abc@dry.dk\t{a.pw_name}+abc--dry.dk@virtual.invalid\n"]),
        ("user|delete|abc@dry.dk", [f"-abc:{HASH}{line}\n", f"-abc@dry.dk\t{a.pw_name}+abc--dry.dk@virtual.invalid\n", f"# {h.spool}/dry.dk/abc would be moved to the trash\n"]),
        ("domain|delete|dry.dk", [f"-dry.dk account={a.pw_name}\n", "-abc@dry.dk\t", f"# {h.etc}/dry.dk would be moved to {h.etc}/.trash\n"]),
        (f"domain|add|dry2.dk|--account|{a.pw_name}", [f"+dry2.dk account={a.pw_name}\n", f"# {h.etc}/dry2.dk would be made for account {a.pw_name}\n"]),
        ("domain|add|dry3.dk|--create-account", ["# account {0} would be made, with the home /home/{0}\n".format("dry3_dk")]),
    ]:
        status, out, err = admin(h, "-n", *args.split("|"))
        equal(f"-n {args.replace('|', ' ')} says nothing else", (status, err), (0, ""))
        for part in parts:
            contains(f"-n {args.split('|')[0]} {args.split('|')[1]} shows {part.strip().splitlines()[-1][:60]}", out, part)
        check("no temporary name is in it", ".new" not in out and "/proc/" not in out, out)
    equal("-n changes nothing", tree(), before)


def at_once(h):
    a = h.account("e")
    admin(h, "domain", "add", "busy.dk", "--account", a.pw_name)
    argv = [f"{h.bin}/postfix-virtual", "-c", h.etc, "user", "add"]
    runs = [subprocess.Popen([*argv, f"{n}@busy.dk", "--hash", HASH], env=CLEAN_ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for n in ["same"] * 6 + [f"u{i}" for i in range(8)]]
    ends = [(p.communicate(), p.returncode) for p in runs]
    equal("six times the same user at once: one is made", sorted(e[1] for e in ends[:6]), [0, 1, 1, 1, 1, 1])
    equal("eight users at once: all are made", [e[1] for e in ends[6:]], [0] * 8)
    equal("passwd has each once", [l.split(":")[0] for l in users(h, "busy.dk")], ["same"] + [f"u{i}" for i in range(8)])
    equal("the table has each", must(["/usr/sbin/postmap", "-c", h.postfix.config, "-q", "-", f"lmdb:{h.map_folder}/virtual"],
                                     data="".join(f"{n}@busy.dk\n" for n in ["same"] + [f"u{i}" for i in range(8)]).encode()).count("busy.dk\t"), 9)


def in_the_way(h):
    """An account's files that root must not follow, create or wait for."""
    a = h.account("f")
    admin(h, "domain", "add", "trap.dk", "--account", a.pw_name)
    admin(h, "user", "add", "abc@trap.dk", "--hash", HASH)
    folder, home = f"{h.etc}/trap.dk", a.pw_dir
    victim = write(h.path("victim"), "untouched\n", 0o600)
    passwd = read(f"{folder}/passwd")

    def put(path, make):
        if os.path.lexists(path):
            os.remove(path)
        make(path)
        if os.path.lexists(path):
            os.chown(path, a.pw_uid, a.pw_gid, follow_symlinks=False)

    def again(path, data):
        os.remove(path)
        write(path, data, 0o600, a)

    for what, make in [("a symlink to a file of root's", lambda p: os.symlink(victim, p)), ("a FIFO", os.mkfifo),
                       ("a socket's name that is a folder", os.mkdir), ("a file that others may write", lambda p: write(p, passwd, 0o666)),
                       ("an empty file", lambda p: write(p, b"", 0o600)), ("a file without its last newline", lambda p: write(p, passwd[:-1], 0o600)),
                       ("a file with a bad line", lambda p: write(p, passwd + b"junk\n", 0o600)), ("nothing", lambda p: None)]:
        put(f"{folder}/passwd", make)
        began = time.monotonic()
        status, out, err = admin(h, "user", "add", "new@trap.dk", "--hash", HASH)
        check(f"{what} in the place of passwd: refused for now, named", status == 75 and out == "" and "passwd" in err, (status, out, err))
        check("at once", time.monotonic() - began < 5)
        if os.path.isdir(f"{folder}/passwd"):
            os.rmdir(f"{folder}/passwd")
        elif os.path.lexists(f"{folder}/passwd"):
            os.remove(f"{folder}/passwd")
        write(f"{folder}/passwd", passwd, 0o600, a)
    os.symlink(victim, f"{home}/.forward+new--trap.dk")
    status, _, err = admin(h, "user", "add", "new@trap.dk", "--hash", HASH)
    check("a symlink in the place of the .forward file goes to the trash", status == 0 and ".trash" in err, (status, err))
    equal("and a file takes its place", "new@trap.dk" in forward(h, a, "new", "trap.dk") and not os.path.islink(f"{home}/.forward+new--trap.dk"), True)
    os.rename(f"{folder}/users", f"{folder}/gone") if os.path.exists(f"{folder}/users") else None
    os.symlink(h.top, f"{folder}/users")
    os.chown(f"{folder}/users", a.pw_uid, a.pw_gid, follow_symlinks=False)
    status, _, err = admin(h, "user", "disable", "new@trap.dk")
    equal("a symlink in the place of users/ is refused", (status, os.path.exists(h.path("new"))), (75, False))
    os.remove(f"{folder}/users")
    admin(h, "user", "list", "trap.dk")
    os.rename(home, home + ".away")
    status, _, err = admin(h, "user", "add", "late@trap.dk", "--hash", HASH)
    check("a missing home is refused, with the mend", status == 1 and f"the home {home}" in err and "make it" in err, (status, err))
    os.rename(home + ".away", home)
    os.chmod(home, 0o770)
    status, _, err = admin(h, "user", "add", "late@trap.dk", "--hash", HASH)
    check("a home that the group may write is refused, with the mend", status == 1 and "chmod go-w" in err, (status, err))
    os.chmod(home, 0o500)
    status, _, err = admin(h, "user", "add", "late@trap.dk", "--hash", HASH)
    check("a home that takes no file: begun, and told", status == 75 and "Permission denied" in err and
          "the next postfix-virtual command finishes it" in err, (status, err))
    status, _, err = admin(h, "user", "add", "later@trap.dk", "--hash", HASH)
    check("until that is mended, nothing else is begun", status == 75 and "finish `" in err, (status, err))
    os.chmod(home, 0o700)
    status, out, err = admin(h, "user", "list", "trap.dk")
    check("then the next command finishes it", "finished what was interrupted" in err and "late@trap.dk" in out and
          "late@trap.dk" in forward(h, a, "late", "trap.dk"), (status, out, err))
    os.chmod(home, 0o500)
    admin(h, "user", "add", "never@trap.dk", "--hash", HASH)
    os.chmod(home, 0o700)
    os.chmod(f"{folder}/passwd", 0o666)
    status, out, err = admin(h, "domain", "delete", "trap.dk", "--yes")
    equal("a domain can be deleted though a change of it cannot be finished", (status, out, "finish `" in err), (0, "domain trap.dk deleted\n", True))
    equal("no mark stays", os.listdir(h.path("state", "pending")), [])
    admin(h, "domain", "add", "trap.dk", "--account", a.pw_name)
    os.chmod(folder, 0o770)
    status, _, err = admin(h, "user", "add", "x@trap.dk", "--hash", HASH)
    equal("a folder that the group may write is refused, with the mend", (status, "chmod go-w" in err), (75, True))
    os.chmod(folder, 0o700)
    equal("the victim is as it was", (read(victim), os.stat(victim).st_uid), (b"untouched\n", 0))


def on_a_terminal(h):
    """Questions are asked on a terminal, and a password is not echoed."""
    a = h.account("g")
    admin(h, "domain", "add", "tty.dk", "--account", a.pw_name)

    def talk(args, *answers):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(f"{h.bin}/postfix-virtual", ["postfix-virtual", "-c", h.etc, *args], CLEAN_ENV)
        seen = b""
        for prompt, answer in answers:
            while prompt not in seen.rpartition(b"\n")[2] and select.select([fd], [], [], 20)[0]:
                seen += os.read(fd, 4096)
            time.sleep(0.1)  # TCSAFLUSH throws away what was typed before the question
            os.write(fd, answer + b"\n")
        try:
            while select.select([fd], [], [], 20)[0]:
                part = os.read(fd, 4096)
                if not part:
                    break
                seen += part
        except OSError:  # the other side is closed
            pass
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode().replace("\r", "")

    status, seen = talk(["user", "add", "abc@tty.dk"], (b"new password: ", b"pass word"), (b"the same again: ", b"pass word"))
    equal("a password typed twice is taken and never shown", (status, seen), (0, "new password: \nthe same again: \nuser abc@tty.dk added\n"))
    status, seen = talk(["user", "password", "abc@tty.dk"], (b"new password: ", b"one"), (b"the same again: ", b"two"))
    equal("two that differ are not", (status, seen.splitlines()[-1]), (1, "postfix-virtual: the two passwords differ"))
    status, seen = talk(["user", "delete", "abc@tty.dk"], (b"Type yes: ", b"y"))
    equal("only yes deletes", (status, seen.splitlines()[-1]), (1, "postfix-virtual: nothing was changed"))
    status, seen = talk(["user", "delete", "abc@tty.dk"], (b"Type yes: ", b"yes"))
    equal("yes does", (status, seen.splitlines()[-1]), (0, "user abc@tty.dk deleted"))
    name, account = f"pvn-{os.getpid()}.example", f"pvn-{os.getpid()}_example"
    try:
        status, seen = talk(["domain", "add", name], (b"Type yes: ", b"no"))
        equal("an account that a domain's name alone would need is only offered",
              (status, seen.splitlines()[-1], os.path.exists(f"{h.etc}/{name}")), (1, "postfix-virtual: nothing was changed", False))
        status, seen = talk(["domain", "add", name], (b"Type yes: ", b"yes"))
        equal("with yes, its name is all that a domain needs", (status, seen.splitlines()[-1]), (0, f"domain {name} added"))
    finally:
        run(["/usr/sbin/userdel", account])
        if os.path.isdir(f"/home/{account}"):
            os.rmdir(f"/home/{account}")


def first_uid(h):
    """linuxconf's "Allocate UID from": the first uid from there on that no user and no group has; for one domain, or for the host."""
    base = next(u for u in range(73000 + os.getpid() % 1000 * 10, 90000) if all(run(["/usr/bin/getent", d, str(n)]).returncode for d in ("passwd", "group") for n in range(u, u + 5)))
    made = []

    def ids(name, *args):
        made.append(name)
        got = admin(h, "domain", "add", name, "--create-account", *args)
        entry = run(["/usr/bin/getent", "passwd", name.replace(".", "_")]).stdout.decode().split(":")
        return got[0], [int(n) - base for n in entry[2:4]]

    try:
        group = f"pvtg{os.getpid()}"
        must(["/usr/sbin/groupadd", "--gid", str(base + 1), group])
        equal("--first-uid: the first that is free, for user and group", ids(f"pvu1-{os.getpid()}.dk", "--first-uid", str(base)), (0, [0, 0]))
        equal("the next one passes over what a group has", ids(f"pvu2-{os.getpid()}.dk", "--first-uid", str(base)), (0, [2, 2]))
        h.write_settings(first_uid=str(base + 1))
        equal("first_uid in virtual.conf", ids(f"pvu3-{os.getpid()}.dk"), (0, [3, 3]))
        equal("--first-uid goes before it", ids(f"pvu4-{os.getpid()}.dk", "--first-uid", str(base + 4)), (0, [4, 4]))
        for word in ("0", "x", "-1", "2147483648", ""):
            equal(f"--first-uid={word}", admin(h, "domain", "add", "pvu.dk", "--create-account", f"--first-uid={word}"),
                  (1, "", said(f"--first-uid {word}: write a uid, 1 to 2147483647")))
    finally:
        h.write_settings(first_uid="0")
        for name in made:
            h.admin("domain", "delete", name, "--yes")
            account = name.replace(".", "_")
            run(["/usr/sbin/userdel", account])
            if os.path.isdir(f"/home/{account}"):
                os.rmdir(f"/home/{account}")
        run(["/usr/sbin/groupdel", group])


def create_account(h):
    """--create-account makes a real account of this host; it is removed again."""
    name = f"pvt-{os.getpid()}.example"
    account = name.replace(".", "_")
    try:
        equal("--create-account makes it", admin(h, "domain", "add", name, "--create-account"), (0, f"domain {name} added\n", ""))
        entry = must(["/usr/bin/getent", "passwd", account]).strip().split(":")
        equal("without login, at home below /home", entry[5:], [f"/home/{account}", "/usr/sbin/nologin"])
        check("a system account", int(entry[2]) < 1000, entry)
        st = os.stat(entry[5])
        equal("its home is its own alone", (st.st_uid, oct(st.st_mode & 0o7777)), (int(entry[2]), "0o700"))
        equal("nothing was copied into it", os.listdir(entry[5]), [])
        equal("domains does not repeat what the folder's owner says", name.encode() in read(f"{h.etc}/domains"), False)
    finally:
        run(["/usr/sbin/userdel", account])
        if os.path.isdir(f"/home/{account}"):
            os.rmdir(f"/home/{account}")


def children_ignored(h):
    """A caller that ignores the end of its children hands that on; ours must be waited for all the same."""
    a = h.account("s")
    for argv in (["postfix-virtual", "-c", h.etc, "domain", "add", "children.dk", "--account", a.pw_name],
                 ["postfix-virtual", "-c", h.etc, "user", "add", "abc@children.dk", "--random"], ["make-postfix-maps", "-c", h.etc]):
        r = run(["/bin/sh", "-c", "trap '' CHLD; exec \"$@\"", "sh", f"{h.bin}/{argv[0]}", *argv[1:]])
        equal(f"{argv[0]} {' '.join(argv[3:5])} works where SIGCHLD is ignored", (r.returncode, r.stderr), (0, b""))


def own_mailbox(h):
    """A user whose home is the account's reads the account's own mailbox: deleting him leaves it alone."""
    a = h.account("o")
    admin(h, "domain", "add", "ownbox.dk", "--account", a.pw_name)
    for user, home in ("own", a.pw_dir), ("sub", f"{a.pw_dir}/sub"):
        for folder in (home, f"{home}/Mail"):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.chown(folder, a.pw_uid, a.pw_gid)
        equal(f"{user}@ownbox.dk is made", admin(h, "user", "add", f"{user}@ownbox.dk", "--home", home, "--random")[::2], (0, ""))
        write(f"{home}/Mail/mailbox", b"From a Fri Nov 20 09:56:12 2026\n\nkept\n\n", 0o600, a)
    status, _, err = admin(h, "user", "delete", "own@ownbox.dk", "--yes")
    equal("the account's own mailbox stays when a user of it goes", (status, b"kept" in read(f"{a.pw_dir}/Mail/mailbox")), (0, True))
    contains("and that is said", err, "stays where it is")
    equal("a mailbox in a home of his own goes to the trash", (admin(h, "user", "delete", "sub@ownbox.dk", "--yes")[0],
          os.path.exists(f"{a.pw_dir}/sub/Mail/mailbox")), (0, False))


def main():
    h = House()
    walk(h)
    refusals(h)
    command_line(h)
    dry_run(h)
    at_once(h)
    in_the_way(h)
    on_a_terminal(h)
    create_account(h)
    first_uid(h)
    children_ignored(h)
    own_mailbox(h)
    help_has_every_row(h)
    done()


main()
