#!/usr/bin/python3
"""postfix-virtual alias: each row of what is taken and of what is refused, by exact output, exit status and the bytes of
the file; what a name may not be taken away from; the other files; hostile accounts; patterns.
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
    """kvt.dk and two.dk of one account, other.dk of another."""

    def __init__(self):
        h = self.h = House()
        self.a, self.b = h.account("a"), h.account("b")
        for domain, owner in (("kvt.dk", self.a), ("two.dk", self.a), ("other.dk", self.b)):
            h.must_admin("domain", "add", domain, "--account", owner.pw_name)
        for user in ("abc@kvt.dk", "def@kvt.dk", "abc@two.dk", "ob@other.dk"):
            h.must_admin("user", "add", user, "--hash", HASH)
        self.folder = f"{h.etc}/kvt.dk"
        self.aliases = f"{self.folder}/aliases"

    def text(self, name="aliases"):
        return read(f"{self.folder}/{name}").decode()

    def put(self, name, text, mode=0o600):
        write(f"{self.folder}/{name}", text, mode, self.a)

    def admin(self, line):
        r = self.h.admin(*shlex.split(line))
        return r.returncode, r.stdout.decode(), r.stderr.decode()

    def keys(self, domain="kvt.dk"):
        lines = read(f"{self.h.map_folder}/virtual").decode().splitlines()
        return sorted(l.split("@")[0] for l in lines if l.split("\t")[0].endswith("@" + domain))

    def taken(self, line, out, text, note="", name="aliases"):
        """It is done, and the file holds text now; done again it is nothing."""
        got = self.admin("alias " + line)
        equal(f"alias {line}", (*got, self.text(name)), (0, out + "\n", said(note), text))

    def refused(self, line, why, status=1):
        """It is not, and nothing was changed."""
        before = self.text()
        status_got, out, err = self.admin("alias " + line)
        equal(f"alias {line}: refused", (status_got, out, err.replace(self.h.top, "TOP")), (status, "", said(why)))
        equal("and nothing is changed", (self.text(), os.listdir(self.h.path("state", "pending"))), (before, []))


def good(p):
    p.taken("add Sales@KVT.dk abc def ob@other.dk x@example.org", "alias sales@kvt.dk added", "sales: abc, def, ob@other.dk, x@example.org\n")
    equal("the file is the account's alone", (oct(os.stat(p.aliases).st_mode & 0o777), os.stat(p.aliases).st_uid), ("0o600", p.a.pw_uid))
    check("there is a key for it", "sales" in p.keys(), p.keys())
    p.taken("set sales@kvt.dk abc 'def, x@blåbær.dk'", "alias sales@kvt.dk set", "sales: abc, def, x@xn--blbr-roah.dk\n")
    p.taken("set sales@kvt.dk abc 'def, x@blåbær.dk'", "alias sales@kvt.dk is so already", "sales: abc, def, x@xn--blbr-roah.dk\n")
    p.taken("set sales@kvt.dk --comment 'who sells' --expires 2099-12-31", "alias sales@kvt.dk set",
            "#: expires=2099-12-31 who sells\nsales: abc, def, x@xn--blbr-roah.dk\n")
    p.taken("set sales@kvt.dk --expires ''", "alias sales@kvt.dk set", "#: who sells\nsales: abc, def, x@xn--blbr-roah.dk\n")
    p.taken("set sales@kvt.dk abc --comment ''", "alias sales@kvt.dk set", "sales: abc\n")
    p.put("aliases", "# ours\nsales: def\n\n# more\n")
    p.taken("add abc@kvt.dk '\\abc' sales", "alias abc@kvt.dk added", "# ours\nsales: def\n\n# more\nabc: \\abc, sales\n",
            "there is a user abc@kvt.dk as well: the alias goes before him; \\abc among its targets is his mailbox")
    p.taken("delete abc@kvt.dk", "alias abc@kvt.dk deleted", "# ours\nsales: def\n\n# more\n")
    p.taken("delete sales@kvt.dk", "alias sales@kvt.dk deleted", "# ours\n\n# more\n")
    check("its key is gone, and that of the user is not", "sales" not in p.keys() and "abc" in p.keys(), p.keys())
    p.put("aliases", "")
    os.makedirs(f"{p.folder}/include", 0o700)
    os.chown(f"{p.folder}/include", p.a.pw_uid, p.a.pw_gid)
    p.put("include/guests", "abc\nx@example.org\n")
    mail = f"{p.a.pw_dir}/Mail"
    missing = "open the folder of TOP/home/{0}/Mail/{1}: No such file or directory: mail is written there as account {0}: make that folder, or name another"
    p.refused(f"add file@kvt.dk {mail}/list", "the file: " + missing.format(p.a.pw_name, "list"))
    p.refused(f"add file@kvt.dk abc '{mail}/a list/'", "the file: " + missing.format(p.a.pw_name, "a list"))
    os.mkdir(mail, 0o700)
    os.chown(mail, p.a.pw_uid, p.a.pw_gid)
    p.refused(f"set file@kvt.dk {mail}/no/list", "the file: " + missing.format(p.a.pw_name, "no/list"))
    for line, out, text in [
            ("o\"'\"brien@kvt.dk abc", "o'brien@kvt.dk", "o'brien: abc\n"),
            ("søren@kvt.dk abc", "søren@kvt.dk", "søren: abc\n"),
            ("'a{b'@kvt.dk abc", "a{b@kvt.dk", "a{b: abc\n"),
            ("abc+tag@kvt.dk def", "abc+tag@kvt.dk", "abc+tag: def\n"),
            ("list@kvt.dk :include:guests", "list@kvt.dk", "list: :include:guests\n"),
            ("prog@kvt.dk '|/bin/cat -u'", "prog@kvt.dk", "prog: \"|/bin/cat -u\"\n"),
            (f"file@kvt.dk {p.a.pw_dir}/Mail/list", "file@kvt.dk", f"file: {p.a.pw_dir}/Mail/list\n"),
            ("host@kvt.dk postmaster", "host@kvt.dk", "host: postmaster\n"),
            ("own@kvt.dk abc@kvt.dk", "own@kvt.dk", "own: abc@kvt.dk\n"),
    ]:
        p.taken(f"add {line}", f"alias {out} added", text)
        p.taken(f"delete \"{out}\"", f"alias {out} deleted", "")
    for name, why in (("a b", "it holds a character that stands in addresses in quotes only: write another name"), ("x" * 65, "an address has 1 to 64 bytes in front of the `@`")):
        equal(f"no address has the name {name}: that is said", p.admin(f"alias add '{name}@kvt.dk' abc"), (0, f"alias {name}@kvt.dk added\n", said(f"only other aliases can lead to it: {why}")))
    equal("another alias may lead there", (p.admin("alias add out@kvt.dk '\"a b\"'")[0], p.text().splitlines()[2]), (0, "out: \"a b\""))
    p.put("aliases", "")
    contains("the history says who did what", read(p.h.path("state", "history", "kvt.dk")).decode(),
             "root local alias add sales@kvt.dk abc, def, ob@other.dk, x@example.org\n")


def bad(p):
    p.put("aliases", "here: abc\n")
    file = "TOP/etc/kvt.dk/aliases"
    own = f"TOP/home/{p.a.pw_name}"
    for line, why in [
            ("add here@kvt.dk def", f"here@kvt.dk is an alias already ({file}, line 1): postfix-virtual alias set changes it"),
            ("set new@kvt.dk --comment x", "new@kvt.dk is no alias yet: say where it leads, too"),
            ("add new@kvt.dk nosuch", f"{file}, line 2: `nosuch` leads nowhere: kvt.dk has no alias and no user of that name: make one, or take it out"),
            ("add new@kvt.dk '\\here'", f"{file}, line 2: `here` leads nowhere: kvt.dk has no user of that name: make one, or take it out"),
            ("add new@kvt.dk abc nosuch@other.dk", f"{file}, line 2: mail for nosuch@other.dk would be refused, as nobody here has that address: take it out, or make it"),
            ("add new@kvt.dk nosuch@two.dk", f"{file}, line 2: mail for nosuch@two.dk would be refused, as nobody here has that address: take it out, or make it"),
            ("add new@kvt.dk new", f"{file}, line 2: a loop: new -> new: take one of them out"),
            ("add new@kvt.dk new@kvt.dk", f"{file}, line 2: a loop: new -> new: take one of them out"),
            ("add postmaster@kvt.dk abc", "postmaster@kvt.dk goes to the host's postmaster: to give it to the domain: postfix-virtual domain set kvt.dk own=postmaster"),
            ("add abuse@kvt.dk abc", "abuse@kvt.dk goes to the host's postmaster: to give it to the domain: postfix-virtual domain set kvt.dk own=abuse"),
            ("add new@kvt.dk '|/nonexistent'", f"the command: /nonexistent, looked at as account {p.a.pw_name}: name a program that is there: No such file or directory"),
            (f"add new@kvt.dk '|{p.folder}/passwd'", f"the command: TOP/etc/kvt.dk/passwd is no program that account {p.a.pw_name} may execute: name one, or chmod +x it"),
            ("add new@kvt.dk '|/bin/cat $HOME'", "the command: `$` stands in the command, and no shell reads it: write the argument in single quotes, or a script that does the work"),
            ("add new@kvt.dk '|cat'", "the command: the program needs its whole path, like /usr/bin/procmail"),
            ("add new@kvt.dk :include:nosuch", f"{file}, line 2: :include:nosuch: there is no file TOP/etc/kvt.dk/include/nosuch: make it, or take this out"),
            ("add new@kvt.dk :include:../passwd", None),
            ("add new@kvt.dk :include:/etc/hostname", None),
            ("add new@kvt.dk /srv/x", f"{file}, line 2: /srv/x lies neither below {own}/Mail nor below TOP/spool/kvt.dk: write such a one"),
            (f"add new@kvt.dk {p.a.pw_dir}/Mail/.x", None),
            ("add new@kvt.dk ''", "a target is empty"),
            ("add new@kvt.dk '\"abc'", None),
            ("add new@kvt.dk a@b", "`b` cannot be a domain: it needs two parts or more, like example.org"),
            ("add new@kvt.dk 'a\nb'", "the target `a?b` has a control character in it"),
            ("add new abc", "`new` is no address: write NAME@DOMAIN"),
            ("add @kvt.dk abc", "an alias needs a name; mail for all names that are no user's is fallback= of postfix-virtual domain set"),
            ("add 'a\tb@kvt.dk' abc", "`a?b` has a control character in it: no name of an alias has"),
            ("add new@nosuch.dk abc", "nosuch.dk is no domain here: postfix-virtual domain add nosuch.dk"),
            ("add new@kvt.dk abc --expires 2020-01-01", "--expires 2020-01-01 is over: write a day that comes, or today"),
            ("add new@kvt.dk abc --expires soon", "--expires `soon`: write a day as 2026-12-31"),
            ("add new@kvt.dk abc --comment 'x expires=2026-12-31'", "expires= in a comment would be taken for a day: use --expires"),
            ("add new@kvt.dk abc --comment 'a\nb: c'", "the comment has a control character in it: write one line"),
            ("add new@kvt.dk abc --file 1", "kvt.dk has no such file of aliases: name it first, with postfix-virtual domain set kvt.dk extra_aliases=FILE"),
            ("delete nosuch@kvt.dk", "nosuch@kvt.dk is no alias: postfix-virtual alias list kvt.dk"),
            ("add " + "x" * 201 + "@kvt.dk abc", "the name of an alias has at most 200 bytes"),
            ("add SØREN@kvt.dk abc", "`s\\u00d8ren` is looked up in other letters: write `s\\u00f8ren`"),
            ("add o\"'\"brien@kvt.dk x@example.org", "`x@example.org`: a name of other characters than a user's leads to users and such aliases of its domain alone: "
                                                    "let it lead to an alias that leads there"),
    ]:
        if why is not None:
            p.refused(line, why)
            continue
        before, got = p.text(), p.admin("alias " + line)
        check(f"alias {line}: refused, with file and line, and nothing is changed", got[0] == 1 and got[1] == "" and p.text() == before
              and (": write " in got[2] or "aliases, line 2: " in got[2] or "is no target" in got[2]), got)
    for line in ("add x@kvt.dk", "set x@kvt.dk", "add x@kvt.dk abc --file 3", "delete x@kvt.dk --comment x"):
        equal(f"alias {line}: wrong usage", p.admin("alias " + line)[0], 2)
    p.admin("domain set kvt.dk commands=no")
    p.refused("add new@kvt.dk '|/bin/cat'", f"{file}, line 2: |/bin/cat: TOP/etc/domains has commands=no for kvt.dk: take it out, or let root allow commands")
    p.admin("domain set kvt.dk commands= receive=no")
    p.refused("add new@kvt.dk nosuch", f"{file}, line 2: `nosuch` leads nowhere: kvt.dk has no alias and no user of that name: make one, or take it out")
    p.admin("domain set kvt.dk receive=")
    many = " ".join(f"user{n}@example.org" for n in range(500))
    got = p.admin(f"alias add many@kvt.dk {many}")
    check("an alias may have 500 targets", got == (0, "alias many@kvt.dk added\n", "") and p.text() == f"here: abc\nmany: {many.replace(' ', ', ')}\n", str(got)[:300])
    r = p.h.admin("alias", "set", "many@kvt.dk", *[f"{'x' * 40}{n}@example.org" for n in range(500)])
    contains("too many belong into a list", r.stderr.decode(), "the targets are longer than 16000 bytes: put a long list into a file of the folder include")
    p.put("aliases", "")


def collisions(p):
    p.h.must_admin("domain", "add", "b--kvt.dk", "--account", p.a.pw_name)
    p.put("aliases", "a--b: abc\n")
    p.h.maps("kvt.dk")
    got = p.h.admin("user", "add", "a@b--kvt.dk", "--hash", HASH)
    check("an alias and a user of two domains that are one name to Postfix: the user is refused", got.returncode == 1 and b"are one name to Postfix" in got.stderr, got)
    p.put("aliases", "")
    p.h.maps("kvt.dk")
    p.h.must_admin("user", "add", "a@b--kvt.dk", "--hash", HASH)
    p.refused("add a--b@kvt.dk abc", f"a--b@kvt.dk and a@b--kvt.dk, both account {p.a.pw_name}'s, are one name to Postfix (a--b--kvt.dk): choose another")
    p.h.must_admin("domain", "delete", "b--kvt.dk", "--yes")


def loops(p):
    file = "TOP/etc/kvt.dk/aliases"
    p.put("aliases", "one: two\ntwo: three\nthree: abc\n")
    p.refused("set three@kvt.dk one", f"{file}, line 2: a loop: three -> one -> two -> three: take one of them out")
    for text, line, broken, loop in [
            ("sales: abc\n", "add abc@kvt.dk sales", "sales", "line 2: a loop: sales -> abc -> sales"),
            ("sales: abc\n", "add abc@kvt.dk '\\abc' sales", "sales", "line 2: a loop: sales -> abc -> sales"),
            ("sales: abc\n", "add abc@kvt.dk sales@kvt.dk def", "sales", "line 2: a loop: sales -> abc -> sales"),
            ("sales: ABC@kvt.dk\n", "add abc@kvt.dk sales", "sales", "line 2: a loop: sales -> abc -> sales"),
            ("abc: \\abc\nsales: middle\nmiddle: :include:ring\n", "set abc@kvt.dk sales", "middle", "include/ring -> abc -> sales -> middle: take one of them out"),
    ]:
        p.put("include/ring", "abc\n")
        p.put("aliases", text)
        got = p.admin("alias " + line)
        check(f"alias {line}: what led to a user and would go round from then on is named", got[:2] == (1, "") and p.text() == text
              and f"{broken}@kvt.dk leads here, and would not work any more: " in got[2] and loop in got[2], got)
    p.put("aliases", "sales: abc\nwrong: abc, nosuch\n")
    p.taken("add abc@kvt.dk '\\abc' def", "alias abc@kvt.dk added", "sales: abc\nwrong: abc, nosuch\nabc: \\abc, def\n",
            "there is a user abc@kvt.dk as well: the alias goes before him; \\abc among its targets is his mailbox")
    p.put("aliases", "".join(f"n{i}: n{i + 1}\n" for i in range(60)) + "n60: abc\n")
    p.taken("add n@kvt.dk n0", "alias n@kvt.dk added", p.text() + "n: n0\n")
    got = p.admin("alias set n60@kvt.dk n5")
    check("a loop of many is found", got[0] == 1 and "a loop: n60 -> n5 -> n6" in got[2], got)
    p.put("aliases", "")
    p.h.must_admin("alias", "add", "back@other.dk", "abc@kvt.dk")
    p.taken("add there@kvt.dk back@other.dk", "alias there@kvt.dk added", "there: back@other.dk\n")
    got = p.admin("alias set back@other.dk there@kvt.dk")
    equal("a loop across two accounts is found", (got[0], got[2].replace(p.h.top, "TOP")),
          (1, said("TOP/etc/other.dk/aliases, line 1: mail for there@kvt.dk would come back here, in a loop: take it out")))
    p.h.must_admin("alias", "add", "third@two.dk", "back@other.dk")
    got = p.admin("alias set back@other.dk third@two.dk")
    equal("and one of three", (got[0], got[2].replace(p.h.top, "TOP")),
          (1, said("TOP/etc/other.dk/aliases, line 1: mail for third@two.dk would come back here, in a loop: take it out")))
    write(f"{p.h.etc}/two.dk/aliases", "a: b@other.dk\n", 0o600, p.a)
    write(f"{p.h.etc}/other.dk/aliases", "b: a@two.dk\n", 0o600, p.b)
    got = p.admin("alias set there@kvt.dk a@two.dk")
    check("one that was there already is found as well", got[0] == 1 and "would come back there, in a loop" in got[2], got)
    write(f"{p.h.etc}/other.dk/aliases", "b: :include:nosuch\n", 0o600, p.b)
    got = p.admin("alias set there@kvt.dk b@other.dk")
    check("another domain's trouble is a note", got[0] == 0 and "what becomes of mail for b@other.dk could not be found out" in got[2], got)
    for name in ("kvt.dk", "two.dk", "other.dk"):
        os.unlink(f"{p.h.etc}/{name}/aliases")


def needed(p):
    """What something leads to stays."""
    file, line = "TOP/etc/kvt.dk/aliases", "which would lead nowhere then: take it out there first"
    p.put("aliases", "base: def\nupper: base\nlist: :include:guests\nuser: \\abc\n")
    p.put("include/guests", "# people\nx@example.org\nbase, def\n")
    p.refused("delete base@kvt.dk", f"{file}, line 2 leads to base, {line}")
    p.put("aliases", "base: def\nlist: :include:guests\nuser: \\abc\n")
    p.refused("delete base@kvt.dk", f"TOP/etc/kvt.dk/include/guests, line 3 leads to base, {line}")
    p.h.must_admin("domain", "alias", "kvt.net", "kvt.dk")
    p.put("aliases", "base: def\nupper: Base@KVT.net\n")
    p.refused("delete base@kvt.dk", f"{file}, line 2 leads to base, {line}")
    p.put("aliases", "base: def\nlist: :include:guests\nuser: \\abc\n")
    p.put("aliases", "base: def\nlist: :include:guests\nuser: \\abc\ntag: kvt+x, KVT+y@kvt.net\n")
    p.h.must_admin("user", "add", "kvt@kvt.dk", "--hash", HASH)
    for command, end in (("user delete def@kvt.dk --yes", line), ("user rename def@kvt.dk xyz", f"{line}, or add --aliases")):
        for user, at in (("def", 1), ("abc", 3), ("kvt", 4)):
            got = p.admin(command.replace("def", user))
            equal(f"{command.replace('def', user)}: refused", (got[0], got[2].replace(p.h.top, "TOP")), (1, said(f"{file}, line {at} leads to {user}, {end}")))
    p.put("aliases", "kvt+x: def\ntag: kvt+x\n")
    p.h.maps("--force", "kvt.dk")
    equal("a tagged name that is an alias leads to no user", p.admin("user delete kvt@kvt.dk --yes")[0], 0)
    for text in ("tagged: \\def+tag\n", "tagged: DEF+tag\n", "tagged: x@example.org, def+a+b@kvt.net\n", "def+own: x@example.org\ntagged: def+own, def+other\n"):
        p.put("aliases", text)
        got = p.admin("user delete def@kvt.dk --yes")
        equal(f"what leads to a user with a tag counts: {text!r}", (got[0], got[2].replace(p.h.top, "TOP")), (1, said(f"{file}, line {text.count(chr(10))} leads to def, {line}")))
    p.put("aliases", "base: def\nupper: base+x\n")
    p.refused("delete base@kvt.dk", f"{file}, line 2 leads to base, {line}")
    p.put("aliases", "def+own: x@example.org\ntagged: def+own, def+own@kvt.net\ndefg: x@example.org\nother: defg\n")
    equal("an alias of such a name is none of the user's", p.admin("user delete def@kvt.dk --yes")[0], 0)
    p.h.must_admin("user", "add", "def@kvt.dk", "--hash", HASH)
    p.put("aliases", "def: x@example.org\nother: def\n")
    equal("a user whose name is an alias's may go", p.admin("user delete def@kvt.dk --yes")[0], 0)
    p.h.must_admin("user", "add", "def@kvt.dk", "--hash", HASH)
    equal("and an alias whose name is a user's", p.admin("alias delete def@kvt.dk"), (0, "alias def@kvt.dk deleted\n", ""))
    p.put("aliases", "base: def\n")
    p.h.must_admin("domain", "set", "kvt.dk", "fallback=base")
    p.refused("delete base@kvt.dk", "base is the fallback of kvt.dk (TOP/etc/kvt.dk/domain.conf, line 1): give that to somebody else first, with "
                                    "postfix-virtual domain set kvt.dk fallback=NAME")
    p.h.must_admin("domain", "set", "kvt.dk", "fallback=abc+all")
    contains("a fallback with a tag is the user's too", p.admin("user delete abc@kvt.dk --yes")[2], "abc is the fallback of kvt.dk")
    p.h.must_admin("domain", "set", "kvt.dk", "fallback=")
    p.h.must_admin("responder", "set", "info@kvt.dk", data=b"Subject: info\n\nx\n")
    p.put("aliases", "list: abc, info\n")
    got = p.admin("responder delete info@kvt.dk")
    equal("a responder that an alias leads to stays", (got[0], got[2].replace(p.h.top, "TOP")), (1, said(f"{file}, line 1 leads to info, {line}")))
    p.put("aliases", "list: abc\n")
    equal("and may go then", p.admin("responder delete info@kvt.dk")[0], 0)
    p.put("aliases", "")


def renamed(p):
    """A user who gets another name with all aliases that lead to him."""
    p.h.must_admin("user", "add", "old@kvt.dk", "--hash", HASH)
    own = "# ours, for old\nsales: old,\n  x@example.org\n#: expires=2099-12-31 who else\nall: Old@KVT.net, old+list, \\old, older, old@two.dk, :include:guests\n\"o'c\": old\n/^s-[a-z]$/: old\nrest: def\n"
    new = ("# ours, for old\nsales: new, x@example.org\n#: expires=2099-12-31 who else\nall: new@KVT.net, new+list, \\new, older, old@two.dk, :include:guests\n\"o'c\": new\n/^s-[a-z]$/: new\nrest: def\n")
    new = new.replace("\"o'c\"", "o'c")
    p.h.must_admin("user", "add", "older@kvt.dk", "--hash", HASH)
    p.h.must_admin("user", "add", "old@two.dk", "--hash", HASH)
    p.put("include/guests", "x@example.org\n")
    p.put("aliases", own)
    p.put("more", "mm: old\n")
    p.h.must_admin("domain", "set", "kvt.dk", "extra_aliases=more")
    p.h.maps()
    rename = "user rename old@kvt.dk new --aliases"
    leads, first = "leads to old, which would lead nowhere then: take it out there first", "postfix-virtual alias delete"

    def refused(sentence, why):
        before = p.text(), p.text("more"), p.text("passwd")
        got = p.admin(rename)
        equal(f"rename --aliases, {sentence}: refused", (got[0], got[1], got[2].replace(p.h.top, "TOP")), (1, "", said(why)))
        equal("and nothing is changed", ((p.text(), p.text("more"), p.text("passwd")), os.listdir(p.h.path("state", "pending"))), (before, []))

    p.put("include/guests", "x@example.org\nold\n")
    refused("a list", f"TOP/etc/kvt.dk/include/guests, line 2 {leads}")
    p.put("include/guests", "x@example.org\n")
    p.put("more", "mm: old\nnew: def\n")
    refused("an alias of the new name", f"new is an alias (TOP/etc/kvt.dk/more, line 2), which would go before the user: {first} new@kvt.dk first")
    p.put("more", "mm: old\nold: \\old, def\n")
    refused("an alias of the old name", f"old is an alias too (TOP/etc/kvt.dk/more, line 2), and the aliases that lead to it would not tell which is meant: {first} old@kvt.dk first, or change them by hand")
    p.put("more", "mm: old\n")
    os.rename(f"{p.folder}/more", f"{p.folder}/most")
    os.symlink("most", f"{p.folder}/more")
    refused("a symlink", "TOP/etc/kvt.dk/more is a symlink: edit by hand what it leads to, or move that here")
    os.rename(f"{p.folder}/most", f"{p.folder}/more")
    outside = write(p.h.path("shared"), "sh: old\n", 0o644)
    p.h.must_admin("domain", "set", "kvt.dk", f"extra_aliases=more, {outside}")
    refused("a file outside", f"TOP/shared, line 1 {leads}")
    p.h.must_admin("domain", "set", "kvt.dk", "extra_aliases=more")
    for setting in ("domain set kvt.dk fallback=old", "user set def@kvt.dk forward=old@kvt.dk"):
        p.h.must_admin(*setting.split())
        check(f"rename --aliases, {setting}: refused", p.admin(rename)[0] == 1 and p.text() == own)
        p.h.must_admin(*setting.split("=")[0].split()[:-1], setting.split("=")[0].split()[-1] + "=")
    got = p.admin("-n " + rename)
    check("-n shows both files", got[0] == 0 and "+mm: new" in got[1] and "+sales: new, x@example.org" in got[1] and p.text() == own, got)
    equal("renamed with them", p.admin(rename), (0, "user old@kvt.dk is now new@kvt.dk\n", ""))
    equal("each leads to him now, and all else is as it was", (p.text(), p.text("more")), (new, "mm: new\n"))
    equal("the files are the account's alone", {(os.stat(f"{p.folder}/{n}").st_uid, oct(os.stat(f"{p.folder}/{n}").st_mode & 0o777)) for n in ("aliases", "more")}, {(p.a.pw_uid, "0o600")})
    contains("the history tells it", read(p.h.path("state", "history", "kvt.dk")).decode(), " user rename old@kvt.dk new --aliases\n")
    p.h.maps("--check")
    keys = {l.split("\t")[0]: l.split("\t")[1] for l in read(f"{p.h.map_folder}/virtual").decode().splitlines() if "\t" in l}
    check("a key that holds the target has the new one", "+new--kvt.dk@" in keys["o'c@kvt.dk"] and "old@kvt.dk" not in keys, keys)
    for user in ("new@kvt.dk", "older@kvt.dk", "old@two.dk"):
        p.put("aliases", "")
        p.put("more", "")
        p.h.must_admin("user", "delete", user, "--yes")
    p.h.must_admin("domain", "set", "kvt.dk", "extra_aliases=")


def users_names(p):
    """A user whose mailbox would be an alias's file, or whose name is an alias's."""
    spool = f"{p.h.spool}/kvt.dk"
    for name, text in (("archive", f"base: abc\narch: {spool}/archive\n"), ("box", f"x: abc\ny: {spool}/box/\n")):
        p.put("aliases", text)
        for command in (f"user add {name}@kvt.dk --hash '{HASH}'", f"user rename def@kvt.dk {name}"):
            got = p.admin(command)
            equal(f"{command.split(' --')[0]}: refused", (got[0], got[2].replace(p.h.top, "TOP")),
                  (1, said(f"TOP/etc/kvt.dk/aliases, line 2 writes to what would be the mailbox of {name}: let it write to another file first, and move that one away")))
        equal("another name may be had", p.admin(f"user add {name}2@kvt.dk --hash '{HASH}'")[::2], (0, ""))
        p.h.must_admin("user", "delete", f"{name}2@kvt.dk", "--yes")
    p.put("aliases", "")
    p.h.must_admin("domain", "set", "kvt.dk", f"fallback={spool}/rest")
    contains("nor the fallback's file", p.admin(f"user add rest@kvt.dk --hash '{HASH}'")[2], "the fallback of kvt.dk is what would be the mailbox of rest")
    p.h.must_admin("domain", "set", "kvt.dk", "fallback=")
    p.put("aliases", "base: abc\n")
    got = p.admin(f"user add base@kvt.dk --hash '{HASH}'")
    equal("an alias of that name is said", (got[0], got[2]), (0, said(f"there is an alias base@kvt.dk as well ({p.aliases}, line 1): it goes before the user, who gets only what it sends on to him")))
    p.put("aliases", "")
    p.h.must_admin("user", "delete", "base@kvt.dk", "--yes")


def other_files(p):
    p.put("more", "mm: abc\n")
    p.put("most", "")
    equal("two more files are named", p.admin("domain set kvt.dk 'extra_aliases=more, most'")[0], 0)
    p.taken("add two@kvt.dk abc --file 1", "alias two@kvt.dk added", "mm: abc\ntwo: abc\n", name="more")
    p.taken("add three@kvt.dk two mm --file 2", "alias three@kvt.dk added", "three: two, mm\n", name="most")
    p.taken("add mm@kvt.dk def", "alias mm@kvt.dk added", "mm: def\n", f"{p.folder}/more, line 1 has no effect: this goes before it")
    p.taken("set mm@kvt.dk def --file 1", "alias mm@kvt.dk set", "mm: def\ntwo: abc\n", f"it has no effect: {p.aliases}, line 1 goes before it", name="more")
    p.refused("delete two@kvt.dk", "two@kvt.dk stands in TOP/etc/kvt.dk/more, line 2: add --file 1")
    p.refused("delete mm@kvt.dk --file 2", "mm@kvt.dk stands in TOP/etc/kvt.dk/aliases, line 1: leave --file out")
    p.refused("delete two@kvt.dk --file 1", "TOP/etc/kvt.dk/most, line 1 leads to two, which would lead nowhere then: take it out there first")
    equal("all are listed", p.admin("alias list kvt.dk")[1].replace(p.h.top, "TOP"),
          "mm@kvt.dk\tdef\t-\t\tTOP/etc/kvt.dk/aliases, line 1\nmm@kvt.dk\tdef\t-\t\tTOP/etc/kvt.dk/more, line 1\n"
          "two@kvt.dk\tabc\t-\t\tTOP/etc/kvt.dk/more, line 2\nthree@kvt.dk\ttwo, mm\t-\t\tTOP/etc/kvt.dk/most, line 1\n")
    equal("a name that stands below may go", p.admin("alias delete mm@kvt.dk")[0], 0)
    write(p.h.path("shared"), "sh: abc\n", 0o644)
    got = p.admin(f"domain set kvt.dk extra_aliases={p.h.path('shared')}")
    equal("a file outside of the folder can be named", got[:2], (0, "domain kvt.dk changed\n"))
    p.refused("add sh2@kvt.dk abc --file 1", "TOP/shared lies outside of the folder of kvt.dk: edit it by hand, then run make-postfix-maps kvt.dk")
    p.h.must_admin("domain", "set", "kvt.dk", "extra_aliases=")
    p.put("aliases", "")


def patterns(p):
    p.taken("add '/^sales-([a-z]+)$/@kvt.dk' abc", "alias /^sales-([a-z]+)$/@kvt.dk added", "/^sales-([a-z]+)$/: abc\n")
    p.taken("set '/^x(?:a|b)$/@kvt.dk' def --comment 'a or b'", "alias /^x(?:a|b)$/@kvt.dk set", "/^sales-([a-z]+)$/: abc\n#: a or b\n/^x(?:a|b)$/: def\n")
    p.refused("add '/^sales-([a-z]+)$/@kvt.dk' abc", "/^sales-([a-z]+)$/@kvt.dk is an alias already (TOP/etc/kvt.dk/aliases, line 1): postfix-virtual alias set changes it")
    p.refused("add '/^.+$/@kvt.dk' abc", "column 1, at `/^.+$/: abc`: the pattern takes any name: begin or end it with something of its own; who wants all mail writes "
                                         "fallback=USER into domain.conf")
    p.refused("add '/^s2-([a-z]+)$/@kvt.dk' nosuch", "/^s2-([a-z]+)$/@kvt.dk leads to `nosuch`, and kvt.dk has no alias and no user of that name: make one, or write another")
    p.refused("add '/^s2-([a-z]+)$/@kvt.dk' abc def", "column 21, at `, def`: a pattern leads to one user: write one name")
    p.refused("add '/^s2-([a-z]+)$/@kvt.dk' '|/bin/cat'", "column 18, at `|/bin/cat`: a pattern leads to a user, not to a program, file or list: write a user's name")
    p.refused("add '/^s2-([a-z]+)$/@kvt.dk' 'abc\nx: def'", "column 21, at ` x: def`: a pattern leads to one user: write one name")
    before = p.text()
    p.taken("add '/^to-([a-z]+)-(.)$/@kvt.dk' '${1}'", "alias /^to-([a-z]+)-(.)$/@kvt.dk added", before + "/^to-([a-z]+)-(.)$/: ${1}\n")
    contains("and Postfix knows it", read(f"{p.h.map_folder}/virtual_regexp").decode(), "${1}@kvt.dk")
    p.taken("delete '/^to-([a-z]+)-(.)$/@kvt.dk'", "alias /^to-([a-z]+)-(.)$/@kvt.dk deleted", before)
    p.refused("add '/^x(a$/@kvt.dk' abc", "column 4, at `(a$/: abc`: this group has no end: add the `)`")
    p.refused("add '/^ax$/@kvt.dk' abc --expires 2099-01-01", "a pattern cannot expire: leave --expires out")
    check("it is in the expressions", "sales-" in read(f"{p.h.map_folder}/virtual_regexp").decode())
    equal("patterns are listed", json.loads(p.admin("alias list kvt.dk --json")[1])[1],
          {"alias": "/^x(?:a|b)$/@kvt.dk", "targets": ["def"], "expires": "", "comment": "a or b", "file": p.aliases, "line": 3})
    p.taken("delete '/^x(?:a|b)$/@kvt.dk'", "alias /^x(?:a|b)$/@kvt.dk deleted", "/^sales-([a-z]+)$/: abc\n")
    p.taken("delete '/^sales-([a-z]+)$/@kvt.dk'", "alias /^sales-([a-z]+)$/@kvt.dk deleted", "")


def listing(p):
    p.put("aliases", "#: expires=2099-12-31 the party\nparty: abc,\n  \"|/bin/x -y\", \\def\nwrong\n#: \033[2J\nx: /a\n", 0o600)
    status, out, err = p.admin("alias list kvt.dk")
    equal("what is wrong is named, and hides nothing else", (status, out.replace(p.h.top, "TOP")),
          (75, "party@kvt.dk\tabc, \"|/bin/x -y\", \\def\t2099-12-31\tthe party\tTOP/etc/kvt.dk/aliases, line 2\n"
               "x@kvt.dk\t/a\t-\t?[2J\tTOP/etc/kvt.dk/aliases, line 6\n"))
    contains("with its line", err, "aliases, line 4")
    equal("as JSON the targets are a list", json.loads(p.admin("alias list kvt.dk --json")[1])[0]["targets"], ["abc", "|/bin/x -y", "\\def"])
    equal("a domain without any has none", p.admin("alias list two.dk"), (0, "", ""))
    p.h.must_admin("domain", "alias", "kvt.org", "kvt.dk")
    equal("an alias domain's are elsewhere", p.admin("alias list kvt.org"), (1, "", said("kvt.org is an alias of kvt.dk: ask there")))
    equal("and made there", p.admin("alias add x@kvt.org abc"), (1, "", said("kvt.org is an alias of kvt.dk: its users are there")))
    p.put("aliases", "")


def mending(p):
    p.put("aliases", "party: abc\nparty: def\n")
    for words in ("set party@kvt.dk abc", "set PARTY@kvt.dk --comment x", "add party@kvt.dk abc", "delete party@kvt.dk"):
        equal(f"a name that stands there twice is not chosen from: {words}", (p.admin(f"alias {words}"), p.text()),
              ((75, "", said(f"{p.aliases}, line 2: party stands in line 1 already: join the two, or remove one")), "party: abc\nparty: def\n"))
    p.put("aliases", "party: abc\nparty: nobody.here\n")
    equal("whatever it is to be set to", p.admin("alias set party@kvt.dk def")[0], 75)
    equal("but what is wrong with that is said first", p.admin("alias set party@kvt.dk '|/bin/x $y'")[0], 1)
    p.put("aliases", "party abc\n")
    equal("what is no entry can be mended, and the refusal is the new entry's own", p.admin("alias set party@kvt.dk no.one")[0], 1)
    p.put("aliases", "#: expires=never\nparty: abc\n")
    equal("a bad day is mended by setting it anew", (p.admin("alias set party@kvt.dk abc")[0], p.text()), (0, "party: abc\n"))
    before = p.text()
    equal("a dry run prints the diff", p.admin("-n alias set party@kvt.dk def")[1].replace(p.h.top, "TOP"),
          "# the tables in TOP/etc/maps would be brought up to date\n--- TOP/etc/kvt.dk/aliases\n+++ TOP/etc/kvt.dk/aliases\n@@ -1,1 +1,1 @@\n-party: abc\n+party: def\n")
    equal("and changes nothing", p.text(), before)
    p.put("aliases", "")


def hostile(p):
    """An account that puts something else in the place of its file."""
    victim = write(p.h.path("victim"), "root: x\n", 0o600)
    p.put("own", "o: abc\n")
    for what, make in [
            ("a FIFO", lambda: os.mkfifo(p.aliases)), ("a symlink to root's file", lambda: os.symlink(victim, p.aliases)),
            ("a symlink to its own file", lambda: os.symlink(f"{p.folder}/own", p.aliases)), ("a folder", lambda: os.mkdir(p.aliases)),
            ("a hard link to root's file", lambda: os.link(victim, p.aliases)), ("a file that others write", lambda: write(p.aliases, "x: abc\n", 0o666, p.a)),
            ("a file of nine megabytes", lambda: write(p.aliases, "#" * (9 << 20), 0o600, p.a)),
    ]:
        if os.path.lexists(p.aliases):
            os.unlink(p.aliases)
        make()
        if not os.path.islink(p.aliases):
            os.chown(p.aliases, *((0, 0) if "hard" in what else (p.a.pw_uid, p.a.pw_gid)))
        else:
            os.lchown(p.aliases, p.a.pw_uid, p.a.pw_gid)
        before = os.lstat(p.aliases)
        got = [p.admin("alias add x@kvt.dk abc"), p.admin("alias list kvt.dk"), p.admin("alias delete x@kvt.dk")]
        if "own" in what:
            contains(f"{what} is read", got.pop(1)[1], "o@kvt.dk\tabc\t")
        check(f"{what} in the place of aliases: refused, and left alone", all(g[0] in (1, 75) and g[2].startswith("postfix-virtual: ") for g in got)
              and os.lstat(p.aliases).st_ino == before.st_ino, got)
        if os.path.isdir(p.aliases) and not os.path.islink(p.aliases):
            os.rmdir(p.aliases)
    equal("root's file is as it was", read(victim), b"root: x\n")
    os.unlink(p.aliases)
    equal("no mark stays", os.listdir(p.h.path("state", "pending")), [])


def main():
    p = Place()
    good(p)
    bad(p)
    collisions(p)
    loops(p)
    needed(p)
    renamed(p)
    users_names(p)
    other_files(p)
    patterns(p)
    listing(p)
    mending(p)
    hostile(p)
    done()


main()
