#!/usr/bin/python3
"""postfix-virtual user set, and domain set for domain.conf: each row of what is taken and of what is refused, by exact output,
exit status and the bytes of the file; what is shown; keys that come and go; hostile accounts.
"""
import json
import os
import shlex
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import HASH, House, said  # noqa: E402
from scratch import read, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402


class Place:
    """kvt.dk of one account, other.dk of another."""

    def __init__(self):
        h = self.h = House()
        self.a, self.b = h.account("a"), h.account("b")
        for domain, owner in (("kvt.dk", self.a), ("other.dk", self.b)):
            h.must_admin("domain", "add", domain, "--account", owner.pw_name)
        for user, name in (("abc@kvt.dk", "Joe Who"), ("def@kvt.dk", "Ann Other"), ("ob@other.dk", "")):
            h.must_admin("user", "add", user, "--hash", HASH, "--name", name)
        self.folder = f"{h.etc}/kvt.dk"

    def text(self, name):
        return read(f"{self.folder}/{name}").decode()

    def files(self):
        return self.text("domain.conf"), self.text("users/abc"), self.text("users/def"), read(f"{self.h.etc}/domains").decode()

    def put(self, name, text):
        write(f"{self.folder}/{name}", text, 0o600, self.a)

    def admin(self, line):
        r = self.h.admin(*shlex.split(line))
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def keys(self, domain="kvt.dk"):
        lines = read(f"{self.h.map_folder}/virtual").decode().splitlines()
        return sorted(l.split("@")[0] for l in lines if l.split("\t")[0].endswith("@" + domain))

    def taken(self, line, text, note="", name=None):
        """It is done, and the file holds text now."""
        who = line.split()[2]
        name = name or ("users/" + who.split("@")[0] if "@" in who else "domain.conf")
        got = self.admin(line)
        equal(line, (got[0], got[1], got[2].replace(self.h.top, "TOP"), self.text(name)),
              (0, f"{line.split()[0]} {who} changed\n", said(note), text))
        equal("done again it is nothing", self.admin(line)[:2], (0, f"{line.split()[0]} {who} is so already\n"))

    def refused(self, line, why):
        before = self.files()
        status, out, err = self.admin(line)
        equal(f"{line}: refused", (status, out, err.replace(self.h.top, "TOP")), (1, "", said(why)))
        equal("and nothing is changed", (self.files(), os.listdir(self.h.path("state", "pending"))), (before, []))


def users(p):
    p.taken("user set abc@kvt.dk quota=50M", "quota = 50M\n")
    equal("the file is the account's alone", [oct(os.stat(f"{p.folder}/{n}").st_mode & 0o777) for n in ("users", "users/abc")], ["0o700", "0o600"])
    equal("and is its own", {os.stat(f"{p.folder}/{n}").st_uid for n in ("users", "users/abc")}, {p.a.pw_uid})
    p.taken("user set abc@kvt.dk forward=x@example.org keep_copy=no", "quota = 50M\nforward = x@example.org\nkeep_copy = no\n")
    p.taken("user set abc@kvt.dk 'filter= /bin/cat -u  ' quota=NOQUOTA", "quota = NOQUOTA\nforward = x@example.org\nkeep_copy = no\nfilter = /bin/cat -u\n")
    p.taken("user set abc@kvt.dk keep_copy= forward= filter= quota=", "")
    check("a file without a line goes", not os.path.exists(f"{p.folder}/users/abc"))
    p.put("users/abc", "# mine\n\nquota = 1M\n  # and this\nlanguage = da\n")
    p.taken("user set abc@kvt.dk quota=2M language=en", "# mine\n\nquota = 2M\n  # and this\nlanguage = en\n")
    for words, text in [("mailbox_format=mbox", "mailbox_format = mbox\n"), ("over_quota=refuse over_quota_days=3", "over_quota = refuse\nover_quota_days = 3\n"),
                        ("quota_warning=80 quota_messages=100 message_size=1M", "quota_warning = 80\nquota_messages = 100\nmessage_size = 1M\n"),
                        ("change_password=no", "change_password = no\n"), ("vacation_start=2099-01-01 vacation_end=2099-01-31", "vacation_start = 2099-01-01\nvacation_end = 2099-01-31\n"),
                        ("'forward=x@example.org, ob@other.dk'", "forward = x@example.org, ob@other.dk\n")]:
        p.put("users/abc", "")
        p.taken(f"user set abc@kvt.dk {words}", text, "a mailbox that is there stays what it is: postfix-virtual mailbox convert abc@kvt.dk maildir|mbox" if "format" in words else "")
    p.put("users/abc", "")
    p.taken("user set abc@kvt.dk keep_copy=no", "keep_copy = no\n", "keep_copy = no counts only where there is a forward")
    p.put("users/abc", "")
    contains("the history says who did what", read(p.h.path("state", "history", "kvt.dk")).decode(),
             "root local user set abc@kvt.dk filter=\"/bin/cat -u\" quota=NOQUOTA\n")


def keys(p):
    p.taken("user set abc@kvt.dk receive=no", "receive = no\n")
    check("who takes no mail has no key", "abc" not in p.keys(), p.keys())
    p.taken("user set abc@kvt.dk receive=yes", "receive = yes\n")
    check("who takes it again has one", "abc" in p.keys(), p.keys())
    p.taken("user set abc@kvt.dk receive=", "")
    p.put("users/abc", "expires = 2020-01-01\n")
    p.h.maps("kvt.dk")
    check("who is expired has none", "abc" not in p.keys(), p.keys())
    p.taken("user set abc@kvt.dk expires=2099-01-01", "expires = 2099-01-01\n")
    check("who is not yet has one", "abc" in p.keys(), p.keys())
    p.taken("user set abc@kvt.dk expires=", "")
    equal("disable writes the same words", (p.admin("user disable abc@kvt.dk")[0], p.text("users/abc"), "abc" in p.keys()), (0, "receive = no\nretrieve = no\n", False))
    equal("enable takes them away", (p.admin("user enable abc@kvt.dk")[0], p.text("users/abc"), "abc" in p.keys()), (0, "", True))
    p.taken("domain set kvt.dk receive=no", "receive = no\n")
    equal("a domain that takes no mail has the host's keys alone", p.keys(), ["abuse", "postmaster"])
    p.taken("domain set kvt.dk receive=", "")
    equal("and then its own again", p.keys(), ["abc", "abuse", "def", "postmaster"])
    p.taken("domain set kvt.dk match_full_name=yes", "match_full_name = yes\n")
    equal("full names have keys", p.keys(), ["abc", "abuse", "ann.other", "def", "joe.who", "postmaster"])
    p.taken("domain set kvt.dk fallback=abc match_full_name=", "fallback = abc\n")
    equal("a fallback has one for all names", p.keys(), ["", "abc", "abuse", "def", "postmaster"])
    p.taken("domain set kvt.dk fallback=", "")
    equal("and none when it is gone", p.keys(), ["abc", "abuse", "def", "postmaster"])


def forwards(p):
    """Who only sends on has a key while somebody takes it, also beside a line that is wrong."""
    p.taken("user set abc@kvt.dk receive=no", "receive = no\n")
    p.put("aliases", "twice: def\ntwice: abc\n")
    wrong = "TOP/etc/kvt.dk/aliases, line 2: twice stands in line 1 already: remove one"
    for words, text, there in (("forward=abc@kvt.dk", "forward = abc@kvt.dk\n", True), ("keep_copy=no", "forward = abc@kvt.dk\nkeep_copy = no\n", False),
                               ("keep_copy=", "forward = abc@kvt.dk\n", True), ("forward=", "", True)):
        p.taken(f"user set def@kvt.dk {words}", text, wrong)
        equal(f"{words}: his key", "def" in p.keys(), there)
    p.put("aliases", "")
    p.taken("user set abc@kvt.dk receive=", "")


def bad_users(p):
    user_names = ("after_storing, change_password, deliver_with, expires, filter, forward, keep_copy, language, mailbox_format, message_size, over_quota, over_quota_days, "
                  "quota, quota_messages, quota_warning, receive, retrieve, vacation_end, vacation_interval, vacation_start, vacation_to_all")
    p.put("users/abc", "")
    p.h.must_admin("user", "set", "abc@kvt.dk", "forward=def@kvt.dk")
    p.h.must_admin("user", "set", "ob@other.dk", "forward=abc@kvt.dk")
    users_file = "TOP/etc/kvt.dk/users"
    for line, why in [
            ("colour=red", f"there is no setting `colour`; possible are: {user_names}"),
            ("fallback=abc", f"there is no setting `fallback`; possible are: {user_names}"),
            ("quota=1M quota=2M", "quota is given twice: name it once"),
            ("language=da quota=lots", "quota=lots: write a size like 50M, 500k or 5000000, or NOQUOTA"),
            ("receive=perhaps", "receive=perhaps: write yes or no"),
            ("language=xx", "language=xx: write en or da"),
            ("expires=soon", "expires=soon: write a day like 2026-12-24"),
            ("expires=2020-01-01", "expires=2020-01-01 is over: write a day that comes, or today"),
            ("'filter=/bin/cat\n-x'", "the value of filter has a control character in it: write one line"),
            ("filter=/nonexistent", f"filter: /nonexistent, looked at as account {p.a.pw_name}: name a program that is there: No such file or directory"),
            (f"deliver_with={p.folder}/passwd", f"deliver_with: TOP/etc/kvt.dk/passwd is no program that account {p.a.pw_name} may execute: name one, or chmod +x it"),
            ("filter=cat", "filter=cat: the program needs its whole path, like /usr/bin/procmail"),
            ("vacation_start=2099-02-01 vacation_end=2099-01-01", "vacation_end=2099-01-01 is before vacation_start=2099-02-01"),
            ("forward=def@kvt.dk", "forward=def@kvt.dk is def@kvt.dk again: take it out"),
            ("forward=DEF+x@kvt.dk", "forward=DEF+x@kvt.dk is def@kvt.dk again: take it out"),
            ("forward=abc@kvt.dk", f"a loop: {users_file}/abc, line 1 sends mail for abc@kvt.dk on to def@kvt.dk, which is def@kvt.dk again"),
            ("forward=ob@other.dk", f"{users_file}/def, line 1: mail for ob@other.dk would come back there, in a loop: take it out"),
            ("'forward=x@example.org, nosuch@kvt.dk'", f"{users_file}/def, line 1: `nosuch` leads nowhere: kvt.dk has no alias and no user of that name: make one, or take it out"),
            ("forward=nosuch@other.dk", f"{users_file}/def, line 1: mail for nosuch@other.dk would be refused, as nobody here has that address: take it out, or make it"),
    ]:
        p.refused(f"user set def@kvt.dk {line}", why)
    p.refused("user set nosuch@kvt.dk quota=1M", "nosuch@kvt.dk is no user here: postfix-virtual user list kvt.dk")
    p.refused("user set abc@nosuch.dk quota=1M", "nosuch.dk is no domain here: postfix-virtual domain add nosuch.dk")
    equal("without a setting it is wrong usage", p.admin("user set abc@kvt.dk")[0], 2)
    for line in ("quota", "quota=1M language"):
        got = p.admin(f"user set abc@kvt.dk {line}")
        check(f"{line}: so is a word without =", got[:2] == (2, "") and f"`{line.split()[-1]}` has no `=`: write {line.split()[-1]}=VALUE, or {line.split()[-1]}= for its default" in got[2] and p.text("users/abc") == "forward = def@kvt.dk\n", got)
    p.refused("user delete def@kvt.dk --yes", f"{users_file}/abc, line 1: mail for abc@kvt.dk is sent on to def@kvt.dk, which would lead nowhere then: "
                                              "postfix-virtual user set abc@kvt.dk forward= first")
    p.put("users/abc", "forward = x@example.org, Def+tag@KVT.dk\n")
    contains("one with a tag too", p.admin("user rename def@kvt.dk new")[2], "mail for abc@kvt.dk is sent on to def@kvt.dk, which would lead nowhere then")
    p.put("users/abc", "forward = def@kvt.dk\n")
    p.h.must_admin("domain", "set", "kvt.dk", "forward_outside=no")
    got = p.admin("user set def@kvt.dk forward=x@example.org")
    check("forward_outside=no forbids other hosts", got[0] == 1 and "users/def, line 1" in got[2] and "forward_outside" in got[2], got)
    p.h.must_admin("domain", "set", "kvt.dk", "forward_outside=")
    p.h.must_admin("user", "set", "ob@other.dk", "forward=")
    p.h.must_admin("user", "set", "abc@kvt.dk", "forward=")
    p.h.must_admin("domain", "set", "kvt.dk", "max_quota=40M", "commands=no")
    p.refused("user set abc@kvt.dk quota=50M", "quota=50M is more than max_quota=40M, which stands in TOP/etc/domains: root can raise that with "
                                               "postfix-virtual domain set kvt.dk max_quota=SIZE")
    p.refused("user set abc@kvt.dk quota=NOQUOTA", "quota=NOQUOTA is more than max_quota=40M, which stands in TOP/etc/domains: root can raise that with "
                                                   "postfix-virtual domain set kvt.dk max_quota=SIZE")
    p.refused("user set abc@kvt.dk filter=/bin/cat", "filter: commands=no in TOP/etc/domains forbids the domain kvt.dk to start programs")
    p.taken("user set abc@kvt.dk quota=40M", "quota = 40M\n")
    p.refused("domain set kvt.dk max_quota=30M", "abc@kvt.dk has quota=40M: max_quota can be no less than that, or give him less first, with postfix-virtual user set")
    p.h.must_admin("user", "set", "abc@kvt.dk", "quota=")
    p.h.must_admin("domain", "set", "kvt.dk", "max_quota=", "commands=")


def days(p):
    """The days that the file will hold, whichever of them is given."""
    why = "vacation_end={} is before vacation_start={}".format
    p.put("users/abc", "vacation_start = 2099-12-31\n")
    p.refused("user set abc@kvt.dk vacation_end=2099-01-01", why("2099-01-01", "2099-12-31"))
    p.put("users/abc", "vacation_end = 2099-01-01\n")
    p.refused("user set abc@kvt.dk vacation_start=2099-12-31", why("2099-01-01", "2099-12-31"))
    p.taken("user set abc@kvt.dk vacation_start=2099-01-01", "vacation_end = 2099-01-01\nvacation_start = 2099-01-01\n")
    p.taken("user set abc@kvt.dk vacation_end= vacation_start=2099-12-31", "vacation_start = 2099-12-31\n")
    p.put("users/abc", "vacation_end = 2020-01-01\nvacation_start = 2099-12-31\n")
    p.taken("user set abc@kvt.dk quota=1M", "vacation_end = 2020-01-01\nvacation_start = 2099-12-31\nquota = 1M\n")
    p.put("users/abc", "")


def forbidden(p):
    """What is there already and will defer is named."""
    file = "TOP/etc/kvt.dk"
    p.put("aliases", "prog: |/bin/cat\nout: x@example.org\nwrong: nosuch\nfine: abc\n")
    p.put("users/abc", "filter = /bin/cat\n")
    p.put("users/def", "forward = y@example.org\n")
    for words, notes in (("commands=no", [f"{file}/aliases, line 1: |/bin/cat: TOP/etc/domains has commands=no for kvt.dk", f"{file}/users/abc, line 1: filter of abc: TOP/etc/domains has commands=no for kvt.dk"]),
                         ("forward_outside=no", [f"{file}/aliases, line 2: ", f"{file}/users/def, line 1: "])):
        status, out, err = p.admin(f"domain set kvt.dk {words}")
        lines = err.replace(p.h.top, "TOP").splitlines()
        check(f"{words}: a note for each line that defers from now on, and for no other", (status, out, len(lines)) == (0, "domain kvt.dk changed\n", len(notes))
              and all(l.startswith("postfix-virtual: mail is deferred from now on: " + n) for l, n in zip(lines, notes)), (status, out, err))
        p.h.must_admin("domain", "set", "kvt.dk", words.split("=")[0] + "=")
    for name in ("aliases", "users/abc", "users/def"):
        p.put(name, "")


def domains(p):
    p.taken("domain set kvt.dk fallback=abc language=da", "fallback = abc\nlanguage = da\n")
    p.taken("domain set kvt.dk max_users=50 fallback=@other.dk language=", "fallback = @other.dk\n")
    contains("what is root's stands in domains", read(f"{p.h.etc}/domains").decode(), "kvt.dk max_users=50\n" if "account" not in read(f"{p.h.etc}/domains").decode() else "max_users=50")
    contains("and one line of the history has both", read(p.h.path("state", "history", "kvt.dk")).decode(), "domain set kvt.dk max_users=50 fallback=@other.dk language=\n")
    os.mkdir(f"{p.a.pw_dir}/Mail", 0o700)
    os.chown(f"{p.a.pw_dir}/Mail", p.a.pw_uid, p.a.pw_gid)
    for value in ("x@example.org", "ob@other.dk", "delete", "|/bin/cat %d %f %u", f"{p.a.pw_dir}/Mail/rest"):
        p.taken(f"domain set kvt.dk 'fallback={value}'", f"fallback = {value}\n")
    file = "TOP/etc/kvt.dk/domain.conf"
    for line, why in [
            ("fallback=nosuch", f"{file}, line 1: `nosuch` leads nowhere: kvt.dk has no alias and no user of that name: make one, or take it out"),
            ("fallback=nosuch@other.dk", f"{file}, line 1: mail for nosuch@other.dk would be refused, as nobody here has that address: take it out, or make it"),
            ("'fallback=|/nonexistent'", f"fallback: /nonexistent, looked at as account {p.a.pw_name}: name a program that is there: No such file or directory"),
            ("'fallback=|/bin/cat $HOME'", None),
            (f"fallback={p.a.pw_dir}/Mail/no/rest", f"fallback: open the folder of TOP/home/{p.a.pw_name}/Mail/no/rest: No such file or directory: mail is written there as account "
             f"{p.a.pw_name}: make that folder, or name another"),
            ("fallback=/etc/hostname", f"{file}, line 1: /etc/hostname lies neither below TOP/home/{p.a.pw_name}/Mail nor below TOP/spool/kvt.dk: write such a one"),
            ("extra_aliases=nosuch", f"{file}: extra_aliases: there is no file nosuch: make one, or take it out"),
            ("max_users=5 language=xx", "language=xx: write en or da"),
            ("language=da max_users=1", "kvt.dk has 2 users: max_users can be no less than that, or delete some first"),
            ("language=da language=en", "language is given twice: name it once"),
            ("max_users=9 max_users=8", "max_users is given twice: name it once"),
            ("max_quota=1M quota=2M", "quota=2M is more than max_quota=1M, which stands in TOP/etc/domains: root can raise that with postfix-virtual domain set kvt.dk max_quota=SIZE"),
            ("commands=no filter=/bin/cat", "filter: commands=no in TOP/etc/domains forbids the domain kvt.dk to start programs"),
            ("filter=/nonexistent", f"filter: /nonexistent, looked at as account {p.a.pw_name}: name a program that is there: No such file or directory"),
    ]:
        if why is not None:
            p.refused(f"domain set kvt.dk {line}", why)
            continue
        before, got = p.files(), p.admin(f"domain set kvt.dk {line}")
        check(f"{line}: refused", got[0] == 1 and "no shell reads it" in got[2] and p.files() == before, got)
    p.taken("domain set kvt.dk fallback=@other.dk", "fallback = @other.dk\n")
    p.refused("domain set other.dk fallback=@kvt.dk", "TOP/etc/other.dk/domain.conf, line 1: mail for nobody.has.this.name@kvt.dk would come back here, in a loop: take it out")
    p.taken("domain set kvt.dk fallback=abc", "fallback = abc\n")
    for command in ("user delete abc@kvt.dk --yes", "user rename abc@kvt.dk xyz"):
        p.refused(command, f"abc is the fallback of kvt.dk ({file}, line 1): give that to somebody else first, with postfix-virtual domain set kvt.dk fallback=NAME")
    p.taken("domain set kvt.dk fallback= max_users=", "")


def further_files(p):
    """Files that extra_aliases names: every entry must be one, and lead somewhere."""
    put = lambda name, text, mode=0o644: write(p.h.path(name), text, mode)  # noqa: E731
    users = put("users-of-host", "root:x:0:0:root:/root:/bin/sh\nabc:x:60001:60001::/home/abc:/bin/sh\n")
    closed, text = put("closed", "info: abc\n", 0o600), put("text", "Dear all,\n\nno alias is here.\n")
    os.mkfifo(p.h.path("fifo"), 0o644)
    os.mkdir(p.h.path("folder"), 0o755)
    for name, of, mode in (("loose", None, 0o666), ("others", p.b, 0o644)):
        write(p.h.path(name), "info: abc\n", mode, of)
    for name, lines in {"good": "info: abc\n", "lost": "info: abc\n\nsales: abc, nosuch\n", "bare": "info: abc\nsales\n", "twice": "info: abc\nx: def\nINFO: def\n",
                        "loop": "info: abc\na: b\nb: a\n", "quote": "info: abc\nx: \"abc\n", "shell": "x: \"|/bin/cat >/dev/null\"\n"}.items():
        p.put(name, lines)
    top, file = "TOP", "TOP/etc/kvt.dk"
    for value, why in [
            (users, f"{top}/users-of-host, line 1: "), (text, f"{top}/text, line 1: "), (closed, f"{top}/closed: Permission denied"), (p.h.path("fifo"), f"{top}/fifo is not a regular file"),
            (p.h.path("folder"), f"{top}/folder is not a regular file"), (p.h.path("loose"), f"{top}/loose has mode 0666"), (p.h.path("others"), f"{top}/others belongs to uid {p.b.pw_uid}"),
            (f"{p.h.etc}/other.dk/passwd", f"etc/other.dk belongs to uid {p.b.pw_uid}"), ("../other.dk/passwd", "write two names of files"), ("lost", f"{file}/lost, line 3: `nosuch` leads nowhere"),
            ("bare", f"{file}/bare, line 2: "), ("twice", f"{file}/twice, line 3: "), ("loop", f"{file}/loop, line 3: "), ("quote", f"{file}/quote, line 2: "),
            ("shell", f"{file}/shell, line 1: "), ("good, lost", f"{file}/lost, line 3: `nosuch` leads nowhere")]:
        before = p.files()
        status, out, err = p.admin(f"domain set kvt.dk 'extra_aliases={value}'")
        check(f"extra_aliases={os.path.basename(value)}: refused, with the reason", (status, out) == (1, "") and why in err.replace(p.h.top, "TOP"), (status, out, err))
        equal("and nothing is changed", (p.files(), os.listdir(p.h.path("state", "pending"))), (before, []))
    p.taken("domain set kvt.dk extra_aliases=good", "extra_aliases = good\n")
    p.put("good", "info: nosuch\n")
    p.taken("domain set kvt.dk language=da", "extra_aliases = good\nlanguage = da\n")
    p.taken("domain set kvt.dk extra_aliases= language=", "")


def full_names(p):
    p.taken("domain set kvt.dk match_full_name=yes", "match_full_name = yes\n")
    p.refused(f"user add new@kvt.dk --name 'joe  who' --hash {shlex.quote(HASH)}",
              "abc@kvt.dk has that name already, and with match_full_name = yes joe.who@kvt.dk is his: give another name")
    equal("another name is taken", p.admin(f"user add new@kvt.dk --name 'Jo Who' --hash {shlex.quote(HASH)}")[0], 0)
    p.taken("domain set kvt.dk match_full_name=no", "match_full_name = no\n")
    equal("without it one name may be two users'", p.admin(f"user add two@kvt.dk --name 'Joe.Who, tel. 1' --hash {shlex.quote(HASH)}")[0], 0)
    p.refused("domain set kvt.dk match_full_name=yes", "with match_full_name = yes joe.who@kvt.dk would be both abc's and two's: give one of them another name")
    for user in ("new", "two"):
        p.h.must_admin("user", "delete", f"{user}@kvt.dk", "--yes")
    p.h.must_admin("domain", "set", "kvt.dk", "match_full_name=")


def shown(p):
    p.put("domain.conf", "# x\nfilter = /bin/cat -u\nquota = 9M\nreceive = yes\nfallback = abc\n")
    p.put("users/abc", "quota = 5M\nforward = a@example.org,\n  b@example.org\n")
    status, out, err = p.admin("user show abc@kvt.dk")
    equal("user show has his own settings and those of his domain", (status, out.replace(p.h.top, "TOP").splitlines()[8:], err), (0, [
        "quota: 5M", "forward: a@example.org, b@example.org", "filter: /bin/cat -u (TOP/etc/kvt.dk/domain.conf, line 2)"], ""))
    conf = json.loads(p.admin("user show abc@kvt.dk --json")[1])["conf"]
    equal("as JSON with file and line", conf["forward"], {"value": "a@example.org, b@example.org", "file": f"{p.folder}/users/abc", "line": 2})
    equal("and where they come from", (conf["quota"]["value"], conf["filter"]["file"], "fallback" in conf), ("5M", f"{p.folder}/domain.conf", False))
    status, out, err = p.admin("domain show kvt.dk")
    equal("domain show has the domain's", (status, out.splitlines()[-4:], err), (0, ["filter: /bin/cat -u", "quota: 9M", "receive: yes", "fallback: abc"], ""))
    p.put("users/abc", "forward = \033[2Jx@example.org\n")
    check("what would speak to a terminal does not", "\033" not in "".join(p.admin("user show abc@kvt.dk")[1:]))
    for name in ("users/abc", "domain.conf"):
        p.put(name, "")


def dry(p):
    p.put("users/abc", "quota = 1M\n")
    equal("a dry run prints the diff", p.admin("-n user set abc@kvt.dk quota=2M")[1].replace(p.h.top, "TOP"),
          "--- TOP/etc/kvt.dk/users/abc\n+++ TOP/etc/kvt.dk/users/abc\n@@ -1,1 +1,1 @@\n-quota = 1M\n+quota = 2M\n")
    equal("of both files", [l for l in p.admin("-n domain set kvt.dk fallback=abc max_users=9")[1].splitlines() if l[:1] in "+-" and l[:3] not in ("+++", "---")][0], "+fallback = abc")
    equal("and changes nothing", (p.text("users/abc"), p.text("domain.conf")), ("quota = 1M\n", ""))
    p.put("users/abc", "")


def hostile(p):
    """An account that puts something else in the place of its files."""
    victim = write(p.h.path("victim"), "quota = 1M\n", 0o600)

    def clear(path):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        elif os.path.lexists(path):
            os.unlink(path)

    for command, name in (("user set abc@kvt.dk quota=3M", "users/abc"), ("domain set kvt.dk language=da", "domain.conf")):
        path = f"{p.folder}/{name}"
        for what, make in [
                ("a FIFO", lambda: os.mkfifo(path)), ("a symlink to root's file", lambda: os.symlink(victim, path)),
                ("a symlink to its own file", lambda: os.symlink(f"{p.folder}/own", path)), ("a folder", lambda: os.mkdir(path)),
                ("a hard link to root's file", lambda: os.link(victim, path)), ("a file that others write", lambda: write(path, "", 0o666, p.a)),
                ("a file of a megabyte", lambda: write(path, "#" * (1 << 20), 0o600, p.a)), ("nonsense", lambda: write(path, "frob\n", 0o600, p.a))]:
            clear(path)
            p.put("own", "quota = 1M\n")
            make()
            if "hard" not in what:
                os.lchown(path, p.a.pw_uid, p.a.pw_gid)
            before = os.lstat(path)
            got = p.admin(command)
            check(f"{what} in the place of {name}: refused, and left alone", got[0] in (1, 75) and got[2].startswith("postfix-virtual: ")
                  and os.lstat(path).st_ino == before.st_ino, got)
            equal(f"{what} in the place of {name}: that is said once", got[2].count("\n"), 1)
            if what not in ("nonsense", "a symlink to its own file"):
                equal(f"{what} in the place of {name}: it cannot be read or trusted", (got[0], p.admin("domain set kvt.dk fallback=abc")[0] if name == "domain.conf" else 75), (75, 75))
        clear(path)
    equal("root's file is as it was", read(victim), b"quota = 1M\n")
    equal("no mark stays", os.listdir(p.h.path("state", "pending")), [])


def main():
    p = Place()
    users(p)
    keys(p)
    forwards(p)
    bad_users(p)
    days(p)
    forbidden(p)
    domains(p)
    further_files(p)
    full_names(p)
    shown(p)
    dry(p)
    hostile(p)
    done()


main()
