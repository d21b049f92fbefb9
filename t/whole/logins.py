#!/usr/bin/python3
"""logins.py: who can log in, and what the administrator sees and changes of it: the files for Dovecot, the secrets for APOP,
last logins, explain."""
import crypt
import grp
import json
import os
import re
import shutil
import stat
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from house import House  # noqa: E402
from scratch import read, run, write  # noqa: E402
from tap import check, contains, done, equal  # noqa: E402

HASH = crypt.crypt("secret", "$5$saltsalt")
DOVECOT = grp.getgrnam("dovecot").gr_gid


class Host(House):
    def __init__(self):
        super().__init__()
        self.write_settings(dovecot_group="dovecot")
        self.a, self.b = self.account("a"), self.account("b")
        for domain, account in (("kvt.dk", self.a), ("other.dk", self.b)):
            self.must_admin("domain", "add", domain, "--account", account.pw_name)
            for user in ("abc", "kvt"):
                self.must_admin("user", "add", f"{user}@{domain}", "--hash", HASH)
        self.use_samples()
        self.maps()
        self.folder = os.path.join(self.map_folder, "dovecot")

    def users(self, domain):
        """Whom Dovecot would let in; None where there is no file."""
        path = os.path.join(self.folder, domain)
        if not os.path.exists(path):
            return None
        return [x.split(":")[0] for x in read(path).decode().splitlines() if x[0] != "#"]

    def try_maps(self, *args):
        return run([f"{self.bin}/make-postfix-maps", "-c", self.etc, *args])


def look(path):
    st = os.lstat(path)
    return oct(stat.S_IMODE(st.st_mode)), st.st_uid, st.st_gid


def files(h):
    equal("the folder and a file are root's and Dovecot's", (look(h.folder), look(f"{h.folder}/kvt.dk")), (("0o750", 0, DOVECOT), ("0o640", 0, DOVECOT)))
    mode = os.stat(h.map_folder).st_mode
    check("Dovecot may pass the folder of the tables, and not list it", mode & 0o001 and not mode & 0o006, oct(mode))
    others = [n for n in os.listdir(h.map_folder) if n != "dovecot" and os.stat(os.path.join(h.map_folder, n)).st_mode & 0o007]
    equal("nothing else in it is for everybody", others, [])
    before = {n: os.stat(f"{h.folder}/{n}").st_ino for n in os.listdir(h.folder)}
    h.maps()
    equal("what has not changed is not written", {n: os.stat(f"{h.folder}/{n}").st_ino for n in os.listdir(h.folder)}, before)
    os.chmod(f"{h.folder}/kvt.dk", 0o644)
    os.chmod(h.folder, 0o755)
    h.maps()
    equal("modes that were changed are put right", (look(h.folder)[0], look(f"{h.folder}/kvt.dk")[0]), ("0o750", "0o640"))


def dates(h):
    """Dovecot tells two files of one size apart by the second."""
    seconds = []
    for password in "abcd":
        h.must_admin("user", "password", "abc@kvt.dk", "--hash", crypt.crypt(password, "$5$saltsalt"))
        seconds.append(int(os.stat(f"{h.folder}/kvt.dk").st_mtime))
    equal("each new file has a second of its own", sorted(set(seconds)), seconds)
    h.must_admin("user", "password", "abc@kvt.dk", "--hash", HASH)


def places(h):
    """Mailboxes where delivery finds them."""
    passwd, home = os.path.join(h.etc, "kvt.dk", "passwd"), h.a.pw_dir
    good = read(passwd)
    for folder in ("one", "two"):
        os.mkdir(os.path.join(home, folder), 0o700)
        os.chown(os.path.join(home, folder), h.a.pw_uid, h.a.pw_gid)
    lines = {"alone": f"{home}/one", "twin": f"{home}/two", "twin2": f"{home}/two/", "outside": "/var/tmp", "none": "."}
    write(passwd, "".join(f"{u}:{HASH}:{h.a.pw_uid}:{h.a.pw_gid}:{u}:{x}:\n" for u, x in sorted(lines.items())), 0o600, h.a)
    maildir = os.path.join(h.spool, "kvt.dk", "none")
    for folder in (maildir, *(os.path.join(maildir, n) for n in ("cur", "new", "tmp"))):
        os.mkdir(folder, 0o700)
        os.chown(folder, h.a.pw_uid, h.a.pw_gid)
    h.maps()
    found = dict(re.findall(r"^(\w+):.*? userdb_mail=(\S+)", read(f"{h.folder}/kvt.dk").decode(), re.M))
    said = {u: json.loads(h.must_admin("explain", f"{u}@kvt.dk", "--json"))["mailbox"] for u in lines}
    equal("a mailbox is where explain and delivery find it", found,
          {u: ("maildir:" if u == "none" else "mbox:~/mail:INBOX=") + path for u, path in said.items()})
    check("and in a home only where that is the user's alone", [u for u in said if said[u].startswith(home)] == ["alone"], said)
    shutil.rmtree(maildir)
    write(passwd, good, 0o600, h.a)
    h.maps()


def domains(h):
    write(os.path.join(h.etc, "domains"), "alias.dk alias_of=kvt.dk\n")
    write(os.path.join(h.folder, ".gone.dk.new"), "half")
    write(os.path.join(h.folder, "gone.dk"), "abc:{PLAIN}x:1:1::/::\n")
    write(os.path.join(h.folder, "README"), "mine")
    h.maps()
    equal("an alias is a link to the file of its domain", os.readlink(f"{h.folder}/alias.dk"), "kvt.dk")
    equal("files of no domain, and what a kill left, go; others stay", sorted(os.listdir(h.folder)), ["README", "alias.dk", "kvt.dk", "other.dk"])
    os.unlink(f"{h.folder}/README")
    write(os.path.join(h.etc, "domains"), "")
    h.maps()
    equal("an alias that is none any more goes", h.users("alias.dk"), None)
    h.postfix.set(mydestination="mail.example.net, localhost, other.dk")
    os.utime(os.path.join(h.postfix.config, "main.cf"), (1000000000, 1000000000))
    r = h.try_maps()
    check("a domain that Postfix has too keeps its file", r.returncode == 75 and h.users("other.dk") == ["abc", "kvt"], r)
    h.postfix.set(mydestination="mail.example.net, localhost")
    os.utime(os.path.join(h.postfix.config, "main.cf"), (1000000000, 1000000000))
    h.maps()


def trouble(h):
    passwd = os.path.join(h.etc, "kvt.dk", "passwd")
    good = read(passwd)
    other = os.path.join(h.etc, "other.dk", "users")
    os.makedirs(other, exist_ok=True)
    for turn, (sentence, text) in enumerate((("with a line that cannot be parsed", good + b"abc\n"), ("without its last newline", good[:-1]),
                                             ("that is empty", b""), ("with a user of another uid", good + b"x:*:1:1::.:\n"))):
        write(passwd, text, 0o600, h.a)
        write(os.path.join(other, "kvt"), f"retrieve = {'no' if turn % 2 else 'yes'}\n", 0o600, h.b)
        r = h.try_maps()
        check(f"a domain {sentence} keeps its file, the others do not wait", r.returncode == 75 and h.users("kvt.dk") == ["abc", "kvt"]
              and h.users("other.dk") == (["abc"] if turn % 2 else ["abc", "kvt"]), (r, h.users("kvt.dk"), h.users("other.dk")))
    os.unlink(passwd)
    os.mkfifo(passwd)
    start = time.monotonic()
    r = h.try_maps()
    check("one that is a FIFO neither hangs nor is believed", r.returncode == 75 and h.users("kvt.dk") == ["abc", "kvt"] and time.monotonic() - start < 5, r)
    os.unlink(passwd)
    heavy = crypt.crypt("secret", "$5$rounds=1000$saltsalt").replace("rounds=1000", "rounds=999999999").encode()
    write(passwd, good + b"zzz:" + heavy + b":%d:%d::.:\n" % (h.a.pw_uid, h.a.pw_gid), 0o600, h.a)
    r = h.try_maps()
    check("a hash that would stop everybody's logins is left out, and said", r.returncode == 75 and h.users("kvt.dk") == ["abc", "kvt"] and b"zzz@kvt.dk" in r.stderr, r)
    write(passwd, good, 0o600, h.a)
    h.maps()
    os.rename(h.folder, h.folder + ".away")
    os.symlink(h.folder + ".away", h.folder)
    r = h.try_maps()
    check("a folder that is a link is not written to", r.returncode == 75 and b"dovecot" in r.stderr, r)
    os.unlink(h.folder)
    os.rename(h.folder + ".away", h.folder)


def changes_nothing(h):
    def state():
        return {n: (read(f"{h.folder}/{n}"), os.lstat(f"{h.folder}/{n}").st_ino) for n in os.listdir(h.folder)}
    before = state()
    r = h.admin("user", "password", "abc@kvt.dk", "--hash", crypt.crypt("x", "$5$saltsalt"), "-n")
    equal("a dry run writes nothing for Dovecot", (r.returncode, state()), (0, before))
    for args in (("-n",), ("--check",)):
        h.try_maps(*args)
        equal(f"make-postfix-maps {args[0]} writes nothing for Dovecot", state(), before)


def without_dovecot(h):
    h.write_settings(dovecot_group="")
    h.maps()
    check("without a group the files go", not os.path.exists(h.folder), os.listdir(h.map_folder))
    h.write_settings(dovecot_group="no-such-group")
    r = h.try_maps()
    equal("a group that the host does not have is no complaint", (r.returncode, r.stderr, os.path.exists(h.folder)), (0, b"", False))
    h.must_admin("user", "password", "abc@kvt.dk", "--hash", HASH)
    r = h.admin("dovecot-config")
    check("a configuration can be printed all the same", r.returncode == 0 and b"passwd-file" in r.stdout, r)
    h.write_settings(dovecot_group="Not A Group")
    r = h.try_maps()
    check("what can be no group's name is refused", r.returncode == 75 and b"line" in r.stderr and b"dovecot_group" in r.stderr, r)
    h.write_settings(dovecot_group="dovecot")
    h.maps()
    equal("with the group they are there again", h.users("kvt.dk"), ["abc", "kvt"])


def configuration(h):
    printed = {v: h.must_admin("dovecot-config", v) for v in ("2.3", "2.4")}
    equal("2.3 is the default", h.must_admin("dovecot-config"), printed["2.3"])
    first = next(x for x in printed["2.4"].splitlines() if x and x[0] != "#")
    contains("2.4 begins with its version", first, "dovecot_config_version = 2.4")
    for version, text in printed.items():
        contains(f"{version} names our files", text, f"{h.map_folder}/dovecot/")
        contains(f"{version} names Postfix's socket", text, f"unix_listener {h.postfix.queue}/private/auth")
        contains(f"{version} has our locks in our order", text, "mbox_write_locks = fcntl dotlock\n")
        ends = [x.strip()[-1:] for x in text.splitlines()]
        equal(f"{version} closes all its blocks", ends.count("{"), [x.strip() for x in text.splitlines()].count("}"))
    h.write_settings(default_domain="kvt.dk", pop3_certificate="/etc/ssl/mail/chain.pem", pop3_key="/etc/ssl/mail/key.pem", fcntl_only="yes")
    for version, (domain, cert) in {"2.3": ("%Lu@kvt.dk", "ssl_cert = </etc/ssl/mail/chain.pem\nssl_key = </etc/ssl/mail/key.pem\n"),
                                    "2.4": ("default('kvt.dk')", "ssl_server_cert_file = /etc/ssl/mail/chain.pem\nssl_server_key_file = /etc/ssl/mail/key.pem\n")}.items():
        text = h.must_admin("dovecot-config", version)
        check(f"{version} follows virtual.conf", domain in text and cert in text and "ssl = required" in text and "dotlock_try" in text, text)
    h.write_settings(default_domain="", pop3_certificate="", pop3_key="", fcntl_only="no")


def refused(h, rows):
    for words, status, said in rows:
        r = h.admin(*words.split("|"))
        check(f"{words.replace('|', ' ')}: refused", r.returncode == status and said in r.stderr and not r.stdout, r)


def apop(h):
    path = os.path.join(h.etc, "kvt.dk", "apop")
    secret = json.loads(h.must_admin("user", "apop", "abc@kvt.dk", "--random", "--json"))["secret"]
    equal("a secret is in the account's file, for nobody else", (read(path), look(path)), (f"abc:{secret}\n".encode(), ("0o600", h.a.pw_uid, h.a.pw_gid)))
    r = h.admin("user", "apop", "kvt@kvt.dk", "--random", "-n")
    check("a dry run shows no secret, and makes none", r.returncode == 0 and secret.encode() not in r.stdout and b"apop" in r.stdout and read(path).count(b"\n") == 1, r)
    second = json.loads(h.must_admin("user", "apop", "abc@kvt.dk", "--random", "--json"))["secret"]
    check("another one takes its place", second != secret and read(path) == f"abc:{second}\n".encode(), read(path))
    h.must_admin("user", "apop", "kvt@kvt.dk", "--random")
    h.must_admin("user", "rename", "abc@kvt.dk", "xyz")
    contains("a renamed user takes it along", read(path), f"xyz:{second}\n".encode())
    h.must_admin("user", "rename", "xyz@kvt.dk", "abc")
    h.must_admin("user", "delete", "kvt@kvt.dk", "--yes")
    equal("a deleted one leaves none behind", read(path), f"abc:{second}\n".encode())
    equal("--off takes it away, with the last one the file", (h.must_admin("user", "apop", "abc@kvt.dk", "--off"), os.path.exists(path)),
          ("secret for APOP of abc@kvt.dk removed\n", False))
    equal("a second time there is nothing to do", h.must_admin("user", "apop", "abc@kvt.dk", "--off"), "abc@kvt.dk has no secret for APOP\n")
    history = read(os.path.join(h.path("state"), "history", "kvt.dk")).decode()
    check("the history has both, and no secret", "user apop abc@kvt.dk\n" in history and "user apop abc@kvt.dk --off\n" in history and second not in history, history)
    h.must_admin("user", "add", "kvt@kvt.dk", "--hash", HASH)
    refused(h, [("user|apop|abc@kvt.dk", 2, b"one of --random and --off"), ("user|apop|abc@kvt.dk|--off|--random", 2, b"one of"),
                ("user|apop|nobody@kvt.dk|--random", 1, b"is no user here"), ("user|apop|abc@nowhere.dk|--off", 1, b"is no domain here"),
                ("user|apop|abc|--off", 1, b"abc"), ("user|apop|abc@kvt.dk|--random|--hash|x", 2, b"no option of this command")])
    write(path, "abc:open\n", 0o644, h.a)
    refused(h, [(words, 75, b"apop") for words in ("user|apop|abc@kvt.dk|--off", "user|rename|abc@kvt.dk|xyz", "user|delete|abc@kvt.dk|--yes")])
    equal("a file that others may read stops a change before it begins", (h.users("kvt.dk"), os.listdir(os.path.join(h.path("state"), "pending"))), (["abc", "kvt"], []))
    os.unlink(path)


def last_logins(h):
    seen = os.path.join(h.path("state"), "seen", "kvt.dk")
    os.makedirs(seen, 0o700)
    os.chmod(os.path.dirname(seen), 0o700)
    ago = time.time() - 40 * 86400
    os.utime(write(os.path.join(seen, "abc"), "", 0o600), (ago, ago))
    day = time.strftime("%Y-%m-%d", time.gmtime(ago))
    lists = {words: h.must_admin("user", "list", "kvt.dk", *words.split()).splitlines() for words in ("", "--last", "--unused 39", "--unused 41")}
    equal("user list as ever", lists[""], ["abc@kvt.dk\t\tenabled", "kvt@kvt.dk\t\tenabled"])
    equal("--last: the day, or none", lists["--last"], [f"abc@kvt.dk\t\tenabled\t{day}", "kvt@kvt.dk\t\tenabled\t-"])
    equal("--unused: those who were away longer, or never came", (lists["--unused 39"], lists["--unused 41"]), (lists["--last"], lists["--last"][1:]))
    told = json.loads(h.must_admin("user", "list", "kvt.dk", "--json"))
    equal("JSON has it always", [u["last_login"] for u in told], [day, None])
    contains("it says that Dovecot's logins are not among them", h.admin("user", "list", "kvt.dk", "--unused", "39").stderr, b"Dovecot")
    refused(h, [(f"user|list|kvt.dk|--unused|{bad}", 2, b"write a number of days") for bad in ("0", "-1", "x", "1x", "", "36501", "18446744073709551617")])
    refused(h, [("user|list|kvt.dk|--unused", 2, b"needs a value"), ("dovecot-config|2.2", 2, b"known are 2.3 and 2.4"), ("dovecot-config|2.3|2.4", 2, b"it is:")])


def explained(h):
    def login(address="abc@kvt.dk"):
        said = json.loads(h.must_admin("explain", address, "--json"))
        return said.get("login"), said.get("login_refused"), said.get("password")
    passwd, conf = os.path.join(h.etc, "kvt.dk", "passwd"), os.path.join(h.etc, "kvt.dk", "domain.conf")
    good = read(passwd)
    equal("explain says by which name a mailbox is read", login("abc+tag@kvt.dk"), ("abc@kvt.dk", None, "hash (sha256)"))
    check("and never the hash", HASH not in h.must_admin("explain", "abc@kvt.dk"))
    write(conf, "retrieve = no\n", 0o600, h.a)
    equal("or that the domain is closed", login()[:2], ("refused", "the domain has retrieve = no"))
    os.unlink(conf)
    users = os.path.join(h.etc, "kvt.dk", "users")
    os.makedirs(users, exist_ok=True)
    os.chown(users, h.a.pw_uid, h.a.pw_gid)
    write(os.path.join(users, "abc"), "retrieve = no\n", 0o600, h.a)
    equal("or the user", login()[:2], ("refused", "the user has retrieve = no"))
    os.unlink(os.path.join(users, "abc"))
    for secret, kind, why in (("", "none", "no password"), ("*", "locked", "locked"), ("!x", "locked", "locked"), ("plain", "plain text, or unknown", "plain_text_passwords = no")):
        write(passwd, good.replace(HASH.encode(), secret.encode(), 1), 0o600, h.a)
        got = login()
        check(f"or that the password `{secret}` lets nobody in", got[0] == "refused" and why in got[1] and got[2] == kind, got)
    write(passwd, good, 0o600, h.a)


def main():
    h = Host()
    files(h)
    dates(h)
    places(h)
    domains(h)
    trouble(h)
    changes_nothing(h)
    without_dovecot(h)
    configuration(h)
    apop(h)
    last_logins(h)
    explained(h)
    h.must_admin("domain", "delete", "kvt.dk", "--yes")
    equal("the file of a deleted domain goes", sorted(os.listdir(h.folder)), ["other.dk"])


main()
done()
