#!/usr/bin/python3
"""postfix-virtual domain set, domain alias, domain add --postfix, host-addresses: every command by exact output and
exit status, what it leaves on the disk and in the tables, refusals with their mend, -n, two at once.
"""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH, House, said  # noqa: E402
from scratch import CLEAN_ENV, read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402


def admin(h, line, *more):
    r = h.admin(*line.split(), *more)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def table(h, rows):
    for line, want in rows:
        got = admin(h, line)
        if callable(want[2]):
            check(line, got[:2] == want[:2] and want[2](got[2]), got)
        else:
            equal(line, got, want)


def refused(h, rows):
    """Each is refused with that sentence, and leaves every byte as it was."""
    before = tree(h)
    for line, sentence in rows:
        equal(f"refused: {line}", admin(h, line), (1, "", said(sentence)))
    equal("what was refused changed nothing, and left no lock of a name that is no domain", tree(h), before)


def tree(h):
    """Every file with its bytes, mode and date; locks by name."""
    found = {}
    for part in ("etc", "spool", "home", "state", "run"):
        for folder, _, files in os.walk(h.path(part)):
            for name in files:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                found[path] = None if part == "run" else (read(path), st.st_mode, st.st_mtime_ns)
    return found


def domains(h):
    return read(f"{h.etc}/domains").decode()


def keys(h, name="virtual"):
    r = run(["/usr/sbin/postmap", "-c", h.postfix.config, "-s", f"lmdb:{h.map_folder}/{name}"])
    return dict(l.split("\t") for l in r.stdout.decode().splitlines())


def history(h, name):
    return [l.split(" ", 3)[3] for l in read(h.path("state", "history", name)).decode().splitlines()]


def setting(h, a, b):
    name, other = a.pw_name, b.pw_name
    h.must_admin("domain", "add", "kvt.dk", "--account", name)
    for user in ("abc", "def"):
        h.must_admin("user", "add", f"{user}@kvt.dk", "--hash", HASH)
    write(f"{h.etc}/domains", "# mine\n" + domains(h) + "other.dk max_users=3\n")
    table(h, [
        ("domain set kvt.dk max_users=2 max_quota=500M", (0, "domain kvt.dk changed\n", "")),
        ("domain set kvt.dk max_users=2", (0, "domain kvt.dk is so already\n", "")),
        ("user add x@kvt.dk --random", (1, "", said(f"kvt.dk has 2 users, and max_users=2 stands in {h.etc}/domains: root can raise it "
                                                    "with postfix-virtual domain set kvt.dk max_users=3"))),
        ("domain set KVT.dk max_users= commands=no own=abuse", (0, "domain kvt.dk changed\n", "")),
        ("user add postmaster@kvt.dk --random", (1, "", said("postmaster@kvt.dk goes to the host's postmaster: to give it to the domain: "
                                                             "postfix-virtual domain set kvt.dk own=postmaster,abuse"))),
        ("domain show kvt.dk", (0, f"domain: kvt.dk\nsettings: {h.etc}/kvt.dk\naccount: {name}\nhome: {a.pw_dir}\nusers: 2\n"
                                   "sub_domains: no\ncommands: no\nown: abuse\nmax_quota: 500000000\n", "")),
    ])
    equal("the line has its place, and the others stay", domains(h),
          f"# mine\nkvt.dk account={name} max_quota=500M commands=no own=abuse\nother.dk max_users=3\n")
    equal("own= takes the address from the host", ("abuse@kvt.dk" in keys(h), keys(h)["postmaster@kvt.dk"]), (False, "postmaster"))
    table(h, [
        ("domain set kvt.dk own= commands= max_quota=NOQUOTA account=", (0, "domain kvt.dk changed\n", lambda e: "is the host's from now on" in e)),
    ])
    equal("all defaults need no line", domains(h), "# mine\nother.dk max_users=3\n")
    equal("and the address is the host's again", keys(h)["abuse@kvt.dk"], "postmaster")
    equal("the history has it all", history(h, "kvt.dk")[3:],
          ["domain set kvt.dk max_users=2 max_quota=500M", "domain set kvt.dk max_users= commands=no own=abuse",
           "domain set kvt.dk own= commands= max_quota=NOQUOTA account="])
    refused(h, [
        ("domain set nosuch.dk max_users=1", "nosuch.dk is no domain here: postfix-virtual domain add nosuch.dk"),
        ("domain set kvt.dk max_users=1", "kvt.dk has 2 users: max_users can be no less than that, or delete some first"),
        ("domain set kvt.dk max_users=many", "max_users=many: write a number"),
        ("domain set kvt.dk max_users=5 max_quota=x", "max_quota=x: write a size like 500M"),
        ("domain set kvt.dk max_users=5 max_users=6", "max_users is given twice: name it once"),
        ("domain set kvt.dk colour=red", "there is no setting `colour`; possible are: account, sub_domains, max_users, "
                                         "max_quota, commands, own, sender_transport, postfix, after_storing, change_password, deliver_with, domain_quota, extra_aliases, "
                                         "fallback, filter, forward_outside, language, mailbox_format, match_full_name, message_size, over_quota, over_quota_days, quota, "
                                         "quota_messages, quota_warning, receive, retrieve, unknown_to, vacation_interval, vacation_to_all"),
        ("domain set kvt.dk alias_of=other.dk", "alias_of stands alone: postfix-virtual domain alias makes an alias"),
        (f"domain set kvt.dk account={other}", f"account={other}: the folder {h.etc}/kvt.dk is {name}'s; chown it, its files, the spool "
                                               "folder and the mailboxes first"),
        ("domain set kvt.dk account=no_such_pvt", f"there is no account no_such_pvt: the folder {h.etc}/kvt.dk is {name}'s"),
        ("domain set kvt.dk postfix=yes", "kvt.dk has 2 users with mailboxes, which postfix=yes would cut off: delete them first"),
        ("domain set kvt.dk sender_transport=nosuch:[192.0.2.1]",
         f"sender_transport=nosuch:[192.0.2.1]: {h.postfix.config}/master.cf has no service `nosuch`; postconf -c "
         f"{h.postfix.config} -M lists all"),
        ("domain set kvt.dk sender_transport=a$b", "sender_transport=a$b: write a service of master.cf, like smtp or smtp:[192.0.2.1]"),
    ])
    for word, where in (("max_users", "max_users"), ("language", "max_users=5 language"), ("colour", "colour")):
        equal(f"{where}: a name without = is wrong usage", admin(h, f"domain set kvt.dk {where}"),
              (2, "", said(f"`{word}` has no `=`: write {word}=VALUE, or {word}= for its default") + "postfix-virtual --help says more\n"))
    equal("a value with a blank is refused", admin(h, "domain set kvt.dk", "own=abuse, webmaster")[::2],
          (1, said("`own=abuse, webmaster` has a blank in it: write NAME=VALUE")))
    table(h, [
        ("domain set kvt.dk sender_transport=smtp:[192.0.2.1]", (0, "domain kvt.dk changed\n", lambda e: "setup" in e)),
        (f"domain set kvt.dk account={name}", (0, "domain kvt.dk changed\n", lambda e: "error" not in e)),
    ])
    equal("both stand there", domains(h).splitlines()[-1], f"kvt.dk account={name} sender_transport=smtp:[192.0.2.1]")


def aliases(h, a):
    table(h, [
        ("domain alias kvt.org kvt.dk", (0, "kvt.org is an alias of kvt.dk now\n", "")),
        ("domain alias KVT.org kvt.dk", (0, "kvt.org is an alias of kvt.dk already\n", "")),
        ("domain alias æble.dk kvt.dk", (0, "xn--ble-xla.dk is an alias of kvt.dk now\n", "")),
        ("domain list", (0, f"kvt.dk\t{a.pw_name}\nkvt.org\t-\tkvt.dk\nxn--ble-xla.dk\t-\tkvt.dk\n", "")),
        ("domain show kvt.org", (0, "domain: kvt.org\nalias_of: kvt.dk\n", "")),
    ])
    contains("the domain shows its aliases", admin(h, "domain show kvt.dk")[1], "aliases: kvt.org xn--ble-xla.dk\n")
    equal("users of the domain get mail for the alias", (keys(h)["abc@kvt.org"], keys(h, "virtual_domains")["kvt.org"]),
          (f"{a.pw_name}+abc--kvt.dk@virtual.invalid", a.pw_name))
    h.must_admin("user", "add", "new@kvt.dk", "--hash", HASH)
    check("so do new ones", "new@kvt.org" in keys(h))
    st = os.stat(h.path("state", "history", "kvt.org"))
    equal("the domain's account may read the alias's history", (st.st_uid, st.st_gid, oct(st.st_mode & 0o777)), (0, a.pw_gid, "0o640"))
    h.must_admin("domain", "add", "two.dk", "--account", a.pw_name)
    h.postfix.append("main.cf", "\nrelay_domains = relayed.dk\n")
    refused(h, [
        ("domain alias two.dk kvt.dk", "two.dk is a domain with users of its own: postfix-virtual domain delete two.dk first"),
        ("domain alias kvt.dk two.dk", "kvt.dk is a domain with users of its own: postfix-virtual domain delete kvt.dk first"),
        ("domain alias x.dk kvt.org", "kvt.org is an alias itself: postfix-virtual domain alias x.dk kvt.dk"),
        ("domain alias x.dk x.dk", "x.dk cannot be an alias of itself: name another domain"),
        ("domain alias x.dk nosuch.dk", "nosuch.dk is no domain here: postfix-virtual domain add nosuch.dk"),
        ("domain alias relayed.dk kvt.dk", "relayed.dk stands in Postfix's relay_domains; take it out first: postconf -c "
         f"{h.postfix.config} -h relay_domains shows where"),
        ("domain set kvt.org max_users=1", "kvt.org is an alias of kvt.dk, whose settings it has: set them there"),
        ("domain delete kvt.dk --yes", "kvt.org is an alias of kvt.dk: postfix-virtual domain delete kvt.org first"),
        ("domain add kvt.org", "kvt.org is an alias of kvt.dk: postfix-virtual domain delete kvt.org first"),
        ("user add x@kvt.org --random", "kvt.org is an alias of kvt.dk: its users are there"),
        ("domain delete nosuch.dk --yes", "nosuch.dk is no domain here"),
    ])
    write(f"{h.etc}/domains", domains(h) + "gone.dk alias_of=never.dk\n")
    refused(h, [("domain alias never.dk kvt.dk", "gone.dk is an alias of never.dk, and an alias of an alias cannot be: "
                                                 "postfix-virtual domain delete gone.dk first")])
    table(h, [
        ("domain alias kvt.org two.dk", (0, "kvt.org is an alias of two.dk now\n", "")),
    ])
    equal("an alias can be led elsewhere", sorted(k for k in keys(h) if k.endswith("@kvt.org")), ["abuse@kvt.org", "postmaster@kvt.org"])
    table(h, [
        ("domain delete kvt.org --yes", (0, "domain kvt.org deleted\n", "")),
        ("domain delete gone.dk --yes", (0, "domain gone.dk deleted\n", "")),
        ("domain delete kvt.org --yes", (1, "", said("kvt.org is no domain here"))),
    ])
    equal("its keys and its lines are gone", ([k for k in keys(h) if "kvt.org" in k], "kvt.org" in keys(h, "virtual_domains"),
          re.findall("kvt.org|gone.dk", domains(h))), ([], False, []))
    equal("the history of an alias", history(h, "kvt.org"), ["domain alias kvt.org kvt.dk", "domain alias kvt.org two.dk",
                                                             "domain delete alias kvt.org"])


def alias_of_broken(h):
    """An alias of a domain whose files are wrong has no addresses yet: it is said so, and done when they are mended."""
    path = f"{h.etc}/kvt.dk/passwd"
    good = read(path)
    write(path, good + b"junk\n", 0o600, h.owner)
    status, out, err = admin(h, "domain alias late.dk kvt.dk")
    equal("an alias of a domain that cannot be read: not done yet, with file and line",
          (status, out, f"{path}, line {good.count(10) + 1}: " in err, "late.dk" in keys(h, "virtual_domains")), (75, "", True, False))
    equal("and marked as begun", os.listdir(h.path("state", "pending")), ["late.dk"])
    write(path, good, 0o600, h.owner)
    contains("the next command finishes it", admin(h, "domain list")[2], "finished what was interrupted")
    check("with its addresses", "abc@late.dk" in keys(h) and "late.dk" in keys(h, "virtual_domains"), keys(h))
    h.must_admin("domain", "delete", "late.dk", "--yes")


def sender_of_broken(h):
    """By which way mail leaves is root's decision, whatever the account does to its files."""
    path = f"{h.etc}/kvt.dk/passwd"
    good, before = read(path), keys(h)
    h.must_admin("domain", "set", "kvt.dk", "sender_transport=")
    os.unlink(path)
    os.mkfifo(path)
    os.chown(path, h.owner.pw_uid, h.owner.pw_gid)
    for value, want in (("smtp:[192.0.2.1]", "smtp:[192.0.2.1]"), ("smtp:[192.0.2.2]", "smtp:[192.0.2.2]"), ("", None)):
        status, _, err = admin(h, f"domain set kvt.dk sender_transport={value}")
        equal(f"a domain whose files cannot be read: sender_transport={value} counts all the same, and it is told of",
              (status, path in err, [keys(h, "virtual_senders").get(f"@{d}") for d in ("kvt.dk", "xn--ble-xla.dk")]), (0, True, [want, want]))
    equal("its addresses stay", keys(h), before)
    os.unlink(path)
    write(path, good, 0o600, h.owner)


def standard(h, a):
    equal("domain add --postfix", admin(h, f"domain add std.dk --postfix --account {a.pw_name}"), (0, "domain std.dk added\n", ""))
    contains("is noted", domains(h), f"std.dk account={a.pw_name} postfix=yes\n")
    contains("and shown", admin(h, "domain show std.dk")[1], "postfix: yes\n")
    contains("and listed", admin(h, "domain list")[1], f"std.dk\t{a.pw_name}\tpostfix\n")
    equal("twice is once", admin(h, "domain add std.dk --postfix"), (0, "domain std.dk is already there\n", ""))
    refused(h, [("domain add two.dk --postfix", "two.dk is there already, without postfix=yes: postfix-virtual domain set two.dk postfix=yes")])
    h.must_admin("domain", "delete", "std.dk", "--yes")


def host_addresses(h):
    table(h, [
        ("host-addresses list", (0, "abuse\tpostmaster\npostmaster\tpostmaster\n", "")),
        ("host-addresses set postmaster postmaster", (0, "postmaster goes to postmaster already\n", "")),
        ("host-addresses set Webmaster root,web@example.org", (0, "webmaster of every domain goes to root,web@example.org now\n", "")),
        ("host-addresses list", (0, "abuse\tpostmaster\npostmaster\tpostmaster\nwebmaster\troot, web@example.org\n", "")),
    ])
    equal("a file that was not there has what it stood for", read(f"{h.etc}/host-addresses").decode(),
          "abuse postmaster\npostmaster postmaster\nwebmaster root, web@example.org\n")
    equal("every domain has the key", {keys(h).get(f"webmaster@{d}") for d in ("kvt.dk", "two.dk")}, {"root, web@example.org"})
    h.must_admin("domain", "set", "two.dk", "own=abuse")
    write(f"{h.etc}/host-addresses", "# ours\n" + read(f"{h.etc}/host-addresses").decode())
    table(h, [
        ("host-addresses set abuse root", (0, "abuse of every domain goes to root now\n", "")),
    ])
    equal("a domain that has the address for its own keeps it", (keys(h)["abuse@kvt.dk"], keys(h).get("abuse@two.dk")), ("root", None))
    table(h, [
        ("host-addresses delete webmaster", (0, "webmaster is not the host's any more\n", "")),
        ("host-addresses delete webmaster", (0, "webmaster is not the host's\n", "")),
        ("host-addresses delete postmaster", (0, "postmaster is not the host's any more\n", lambda e: "RFC 5321" in e)),
        ("host-addresses set postmaster postmaster", (0, "postmaster of every domain goes to postmaster now\n", "")),
    ])
    equal("comments stay", read(f"{h.etc}/host-addresses").decode(), "# ours\nabuse root\npostmaster postmaster\n")
    equal("its history", history(h, "host-addresses"),
          ["host-addresses set webmaster root,web@example.org", "host-addresses set abuse root", "host-addresses delete webmaster",
           "host-addresses delete postmaster", "host-addresses set postmaster postmaster"])
    refused(h, [
        ("host-addresses set abuse |/bin/sh", "`|/bin/sh` is neither a local name nor an address: write `root` or `someone@example.org`"),
        ("host-addresses set abuse root,x@y", "`x@y` is neither a local name nor an address: write `root` or `someone@example.org`"),
        ("host-addresses set abuse ,", "abuse leads nowhere: write the name of a local user behind it"),
    ])
    equal("a name that is none is refused", admin(h, "host-addresses set ../x root")[0], 1)
    write(f"{h.etc}/host-addresses", "abuse root\nabuse root\n")
    status, _, err = admin(h, "host-addresses set abuse x")
    equal("a file that is wrong is not changed", (status, "line 2" in err, read(f"{h.etc}/host-addresses")), (75, True, b"abuse root\nabuse root\n"))
    write(f"{h.etc}/host-addresses", "abuse postmaster\npostmaster postmaster\n")


def dry_run(h):
    """-n: the diff of what would change, and nothing changed."""
    for line, part in [
        ("domain set kvt.dk max_users=7", "+kvt.dk account="),
        ("domain alias dry.dk kvt.dk", "+dry.dk alias_of=kvt.dk"),
        ("domain delete xn--ble-xla.dk --yes", "-xn--ble-xla.dk alias_of=kvt.dk"),
        ("host-addresses set webmaster root", "+webmaster root"),
        ("host-addresses delete abuse", "-abuse postmaster"),
        (f"domain add dry.dk --postfix --account {h.owner.pw_name}", "+dry.dk account="),
    ]:
        before = tree(h)
        status, out, err = admin(h, "-n " + line)
        check(f"-n {line} says what it would do", status == 0 and part in out and not err, (status, out, err))
        equal("and leaves every byte and date", tree(h), before)
    status, out, _ = admin(h, "--json domain set kvt.dk max_users=100")
    equal("a change in JSON", (status, json.loads(out)["message"], json.loads(out)["already"]), (0, "domain kvt.dk changed", False))
    status, out, _ = admin(h, "--json host-addresses list")
    equal("a list in JSON", (status, json.loads(out)[0]), (0, {"name": "abuse", "targets": "postmaster"}))
    r = run([f"{h.bin}/postfix-virtual", "-c", h.etc, "domain", "set", "kvt.dk", "max_users=9"], user=h.owner.pw_uid, group=h.owner.pw_gid,
            extra_groups=[])
    equal("only root decides", (r.returncode, r.stderr.decode()), (1, said("only root can do this: try sudo")))


def at_once(h):
    """Changes of many domains and of host-addresses at once: none is lost."""
    names = [f"d{i}.dk" for i in range(6)]
    for name in names:
        h.must_admin("domain", "add", name, "--account", h.owner.pw_name)
    lines = [f"domain set {n} max_users=10" for n in names] + [f"domain set {n} commands=no" for n in names]
    lines += [f"host-addresses set h{i} root" for i in range(4)] + [f"domain alias a{n} {n}" for n in names[:2]]
    children = [subprocess.Popen([f"{h.bin}/postfix-virtual", "-c", h.etc, *line.split()], env=CLEAN_ENV, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE) for line in lines]
    ends = [(c.communicate()[1].decode(), c.returncode) for c in children]
    equal("all at once succeed", [e for e in ends if e[1] != 0], [])
    for name in names:
        contains(f"both settings of {name} are there", domains(h), f"{name} account={h.owner.pw_name} max_users=10 commands=no\n")
    have = keys(h)
    equal("every domain has every address of the host's", [f"h{i}@{n}" for n in names for i in range(4) if f"h{i}@{n}" not in have], [])
    check("and the aliases are there", "postmaster@ad0.dk" in have and "postmaster@ad1.dk" in have, have)
    ends = [subprocess.Popen([f"{h.bin}/postfix-virtual", "-c", h.etc, "domain", "alias", *pair], env=CLEAN_ENV, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE) for pair in (("p.dk", "d0.dk"), ("p.dk", "d1.dk"), ("d0.dk", "p.dk"))]
    statuses = [(e.communicate()[1], e.returncode)[1] for e in ends]
    check("aliases crosswise: no deadlock, and none of an alias", statuses[2] == 1 and 0 in statuses[:2] and domains(h).count("p.dk alias_of") == 1, statuses)


def sub_domains(h):
    proof = f"{h.map_folder}/.virtual_regexp.proof"
    r = run(["/usr/bin/strace", "-f", "-qq", "-o", "/dev/null", "-P", proof, "-e", "trace=openat", "-e", "inject=openat:error=EIO",
             f"{h.bin}/postfix-virtual", "-c", h.etc, "domain", "set", "d1.dk", "sub_domains=yes"],
            env={"ASAN_OPTIONS": "detect_leaks=0"})  # which cannot work below strace
    equal("expressions that could not be proved: not done yet", (r.returncode, b"could not be proved now" in r.stderr, os.listdir(h.path("state", "pending"))),
          (75, True, ["d1.dk"]))
    contains("the next command finishes it", admin(h, "domain list")[2], "finished what was interrupted")
    contains("with its expression", read(f"{h.map_folder}/virtual_regexp").decode(), r"d1\.dk")
    equal("sub_domains=yes", admin(h, "domain set d0.dk sub_domains=yes")[:2], (0, "domain d0.dk changed\n"))
    contains("stands in domains", domains(h), "d0.dk account=" + h.owner.pw_name + " sub_domains=yes")
    contains("and an expression is made", read(f"{h.map_folder}/virtual_regexp").decode(), r"d0\.dk")
    contains("an alias with it", read(f"{h.map_folder}/virtual_regexp").decode(), r"ad0\.dk")
    taken_from_parent(h)


def taken_from_parent(h):
    """A domain below one that takes mail for its sub-domains."""
    owner = h.owner.pw_name
    h.admin("user", "add", "up@d0.dk", "--hash", HASH)
    note = said("d0.dk has sub_domains=yes: mail for {} and for names below it does not go to its users any more")
    equal("mail for a sub-domain goes to the user", admin(h, "explain up@s.d0.dk")[0], 0)
    table(h, [
        (f"domain add s.d0.dk --account {owner}", (0, "domain s.d0.dk added\n", note.format("s.d0.dk"))),
        (f"domain add s.d0.dk --account {owner}", (0, "domain s.d0.dk is already there\n", "")),
        (f"domain add t.s.d0.dk --account {owner}", (0, "domain t.s.d0.dk added\n", "")),
        (f"domain add s.ad0.dk --account {owner}", (0, "domain s.ad0.dk added\n", note.format("s.ad0.dk"))),
        (f"domain add a.b.d0.dk --account {owner} --sub-domains", (0, "domain a.b.d0.dk added\n", note.format("a.b.d0.dk"))),
        ("domain alias u.d0.dk d1.dk", (0, "u.d0.dk is an alias of d1.dk now\n", note.format("u.d0.dk"))),
        ("domain alias v.d0.dk d0.dk", (0, "v.d0.dk is an alias of d0.dk now\n", "")),
    ])
    equal("and does not any more, nor below it", [admin(h, f"explain up@{d}")[0] for d in ("s.d0.dk", "x.s.d0.dk", "u.d0.dk", "v.d0.dk", "x.v.d0.dk", "b.d0.dk")],
          [67, 67, 67, 0, 0, 0])


def main():
    h = House()
    a, b = h.account("a"), h.account("b")
    h.owner = a
    setting(h, a, b)
    aliases(h, a)
    alias_of_broken(h)
    sender_of_broken(h)
    standard(h, a)
    host_addresses(h)
    dry_run(h)
    at_once(h)
    sub_domains(h)
    equal("nothing is left half done", (os.listdir(h.path("state", "pending")), [f for f in os.listdir(h.etc) if f.endswith(".new")]), ([], []))
    done()


main()
