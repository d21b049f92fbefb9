#!/usr/bin/python3
"""Programs that others wrote fetch mail from the real server and delete it: mpop, fetchmail, getmail, curl, Python's poplib;
in plain text, by STLS and by TLS from the first byte, as each of them can."""
import mailbox
import os
import poplib
import ssl
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import check, done, equal  # noqa: E402
from house import House  # noqa: E402
from pop3 import certificate, md5_hash  # noqa: E402
from pop3d import Server, ours_argv  # noqa: E402
from postfix import free_port  # noqa: E402
from scratch import read, run, write  # noqa: E402

SECRET = "x7Kp-2mQv,9Zr"
MESSAGES = [b"From: s@example.org\nSubject: message %d\nMessage-ID: <%d@example.org>\nDate: Fri, 20 Nov 2026 09:56:11 +0000\n\n%s" % (n, n, body)
            for n, body in enumerate([b"hello\n", b".\n..\n.x\n\n.\nend\n", b"".join(b"%d %s\n" % (i, b"." * (i % 70)) for i in range(3000))], 1)]


class Site:
    def __init__(self):
        self.house = h = House()
        self.account = h.account("a")
        self.clients = h.path("clients")
        os.mkdir(self.clients)
        self.cert, key = certificate(self.clients, "localhost")
        self.plain, self.secure = free_port(), free_port()
        h.write_settings(system_users="no", pop3_certificate=self.cert, pop3_key=key,
                         pop3_listen=f"127.0.0.1:{self.plain}", pop3s_listen=f"127.0.0.1:{self.secure}")
        self.users = []

    def user(self, name):
        self.users.append(name)
        return f"{name}@kvt.dk"

    def start(self):
        h = self.house
        h.domain("kvt.dk", self.account, {u: "." for u in self.users}, hashes={u: md5_hash("se cret") for u in self.users})
        write(os.path.join(h.etc, "kvt.dk", "apop"), "".join(f"{u}:{SECRET}\n" for u in self.users), 0o600, self.account)
        for u in self.users:
            data = b"".join(b"From s@example.org Fri Nov 20 09:56:12 2026\n" + m + b"\n" for m in MESSAGES)
            write(os.path.join(h.spool, "kvt.dk", u), data, 0o600, self.account)
        self.server = Server("ours", ours_argv(h), self.secure, h.path("pop3d"))

    def file(self, name, text="", mode=0o600):
        return write(os.path.join(self.clients, name), text, mode)

    def left(self, user):
        return read(os.path.join(self.house.spool, "kvt.dk", user.partition("@")[0]))


def bodies(mbox):
    """The bodies of an mbox that a client wrote, and the subjects."""
    return [(m["Subject"], m.get_payload().encode().replace(b"\r\n", b"\n").rstrip(b"\n")) for m in mailbox.mbox(mbox)]


WANT = [(f"message {n}", m.partition(b"\n\n")[2].rstrip(b"\n")) for n, m in enumerate(MESSAGES, 1)]


def mpop(site, title, user, port, tls):
    out = site.file(f"{title.replace(', ', '-')}.mbox")
    rc = site.file(f"{title}.rc", f"account default\nhost localhost\nport {port}\nuser {user}\npassword se cret\nkeep off\nreceived_header off\n"
                   f"auth user\ndelivery mbox {out}\nuidls_file {out}.uidls\n" + tls)
    return run(["/usr/bin/mpop", f"--file={rc}"], env={"HOME": site.clients}), out


def fetchmail(site, title, user, port, tls):
    out = site.file(f"{title.replace(', ', '-')}.mbox")
    rc = site.file(f"{title}.rc", f'poll localhost proto pop3 port {port} user "{user}" pass "se cret" fetchall nokeep {tls}\n'
                   f'  mda "/bin/sh -c \'echo From s@example.org Fri Nov 20 09:56:12 2026; cat; echo\' >> {out}"\n')
    home = os.path.join(site.clients, title)
    os.mkdir(home, 0o700)
    return run(["/usr/bin/fetchmail", "--nosyslog", "--fetchmailrc", rc], env={"HOME": home, "FETCHMAILHOME": home}), out


def getmail(site, title, user, port, kind):
    out = site.file(f"{title.replace(', ', '-')}.mbox")
    os.chown(out, site.account.pw_uid, site.account.pw_gid)
    home = os.path.join(site.clients, title)
    os.mkdir(home, 0o700)
    rc = write(os.path.join(home, "rc"), f"[retriever]\ntype = {kind}\nserver = localhost\nport = {port}\nusername = {user}\npassword = se cret\n"
               f"[destination]\ntype = Mboxrd\npath = {out}\n[options]\ndelete = true\nread_all = true\ndelivered_to = false\nreceived = false\n", 0o600)
    for path in (home, rc):
        os.chown(path, site.account.pw_uid, site.account.pw_gid)
    return run(["/usr/bin/getmail", "--getmaildir", home, "--rcfile", "rc"], env={"HOME": home}, user=site.account.pw_uid,
               group=site.account.pw_gid, extra_groups=[], cwd="/"), out


def curl(site, title, user, url, *tls):
    """It fetches a message by URL, deletes one by DELE."""
    got = []
    base = ["/usr/bin/curl", "-sS", "--max-time", "20", "--user", f"{user}:se cret", *tls]
    listed = run([*base, url])
    check(f"{title}: ends well", listed.returncode == 0, listed.stderr.decode())
    for n in (1, 2, 3):
        got.append(run([*base, f"{url}{n}"]).stdout.replace(b"\r\n", b"\n"))
    top = run([*base, "-X", "TOP 2 0", url])
    for _ in MESSAGES:
        run([*base, "--head", "-X", "DELE 1", url])
    equal(f"{title}: lists, fetches and deletes", (listed.stdout.count(b"\r\n"), got, b"Subject: message 2" in top.stdout), (3, MESSAGES, True))
    equal(f"{title}: the mailbox is empty", site.left(user), b"")


def by_poplib(site, title, user, connect, login):
    p = connect()
    login(p, user)
    got = [b"\n".join(p.retr(n)[1]) + b"\n" for n in range(1, p.stat()[0] + 1)]
    capabilities = p.capa()
    ids = p.uidl()[1]
    tops = [len(p.top(n, 0)[1]) for n in (1, 2, 3)]
    sizes = [int(l.split()[1]) for l in p.list()[1]]
    equal(f"{title}: all is there", (got, len(set(ids)), tops, sizes), (MESSAGES, 3, [5, 5, 5], [len(m) + m.count(b"\n") for m in MESSAGES]))
    check(f"{title}: it understands CAPA", {"TOP", "UIDL", "PIPELINING", "RESP-CODES"} <= set(capabilities) and capabilities["EXPIRE"] == ["NEVER"], capabilities)
    for n in (1, 3):
        p.dele(n)
    p.quit()
    check(f"{title}: what was deleted is gone, the rest stays", site.left(user).count(b"\nSubject: ") == 1 and b"message 2" in site.left(user))


def use_pass(p, user):
    p.user(user)
    p.pass_("se cret")


def fetches(site):
    """(title, function, its arguments behind the user)"""
    trust = f"tls on\ntls_trust_file {site.cert}\n"
    check_it = f"sslcertck sslcertfile {site.cert}"
    return [
        ("mpop", mpop, site.plain, "tls off\n"), ("mpop, STLS", mpop, site.plain, trust + "tls_starttls on\n"), ("mpop, TLS", mpop, site.secure, trust + "tls_starttls off\n"),
        ("fetchmail", fetchmail, site.plain, "sslproto ''"), ("fetchmail, STLS", fetchmail, site.plain, f"sslproto 'auto' {check_it}"),
        ("fetchmail, TLS", fetchmail, site.secure, f"ssl {check_it}"),
        ("getmail", getmail, site.plain, "SimplePOP3Retriever"), ("getmail, TLS", getmail, site.secure, "SimplePOP3SSLRetriever")]


def main():
    site = Site()
    jobs = fetches(site)
    users = [site.user(f"u{n}") for n in range(len(jobs))]
    others = {title: site.user(title) for title in ("curl", "curlstls", "curltls", "lib", "libstls", "libtls", "libapop")}
    site.start()
    for user, (title, function, *more) in zip(users, jobs):
        r, out = function(site, title, user, *more)
        check(f"{title}: ends well", r.returncode == 0, f"{r.returncode}: {(r.stdout + r.stderr).decode(errors='replace')}")
        equal(f"{title}: has all messages as they are", bodies(out), WANT)
        equal(f"{title}: the mailbox is empty", site.left(user), b"")
    trust = ("--ssl-reqd", "--cacert", site.cert)
    curl(site, "curl", others["curl"], f"pop3://localhost:{site.plain}/")
    curl(site, "curl, STLS", others["curlstls"], f"pop3://localhost:{site.plain}/", *trust)
    curl(site, "curl, TLS", others["curltls"], f"pop3s://localhost:{site.secure}/", *trust)
    context = ssl.create_default_context(cafile=site.cert)

    def plain():
        return poplib.POP3("localhost", site.plain, 20)

    def stls():
        p = plain()
        p.stls(context)
        return p
    by_poplib(site, "poplib", others["lib"], plain, use_pass)
    by_poplib(site, "poplib, STLS", others["libstls"], stls, use_pass)
    by_poplib(site, "poplib, TLS", others["libtls"], lambda: poplib.POP3_SSL("localhost", site.secure, timeout=20, context=context), use_pass)
    site.house.write_settings(apop="yes")
    by_poplib(site, "poplib, APOP", others["libapop"], plain, lambda p, user: p.apop(user, SECRET))
    listed = run(["/usr/bin/curl", "-sS", "--user", f"libapop@kvt.dk:{SECRET}", f"pop3://localhost:{site.plain}/"]).stdout
    equal("curl, APOP: it knows the offer by the greeting", listed, b"1 %d\r\n" % (len(MESSAGES[1]) + MESSAGES[1].count(b"\n")))
    equal("no process crashed meanwhile", site.server.output(), "")
    equal("and nothing had to be logged", site.house.log.lines, [])
    site.server.stop()
    done()


main()
