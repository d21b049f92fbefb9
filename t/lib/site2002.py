"""site2002.py: a domain as it was set up in 2002, by hand, on a House: a regexp that pastes the user's name, passwords
in plain text behind a symlink, mode 700, unsorted, no postmaster, and .forward files that run other programs.

    s = Site(House(...)); s.build(); h.start()
"""
import json
import os
import shutil
import stat

from house import House
from scratch import must, read, write

PARTS = ("etc", "spool", "home", "state", "run", "postfix")

PASSWD = """\
kvt:kvtpasswd:{uid}:{gid}:kvtname:{home}/:
abc:abcpasswd:{uid}:{gid}:abcname:.:

# from the old host
Anna:$1$abcdefgh$G//4keteveJp0qb8z2DxG/:{uid}:{gid}:annaname:.:
proc:procpasswd:{uid}:{gid}:procname:.:
"""
REGEXP = """\
# virtual domains
/^(.+)@(.+\\.)?(kvt\\.dk)$/ {account}+$1--$2$3
/^(.+)@(other\\.dk)$/ {other}+$1--$2
"""
VIRTUAL = """\
# The hand-made table
other.dk                  anything

kvt.dk                    anything
postmaster@kvt.dk         {jth}
webmaster@kvt.dk          {jth}
"""
MAIN = """\
virtual_maps = hash:{top}/postfix/virtual, regexp:{top}/postfix/virtual_regexp
home_mailbox = Mail/mailbox
allow_mail_to_commands = forward
allow_mail_to_files = forward
"""
# The program of 2002: it appends to the mailbox that EXTENSION names, and knows nothing of locks.
PROGRAM = """\
#!/bin/sh
user=${{EXTENSION%%--*}}
{{ sed '/^Delivered-To:/d'; echo; }} >> {spool}/kvt.dk/$user
"""


class Site:
    def __init__(self, house, regexp=REGEXP, virtual=VIRTUAL):
        self.h = house
        self.account, self.other, self.jth = house.account("kvt"), house.account("oth"), house.account("jth")
        self.regexp, self.virtual = regexp, virtual
        self.words = {"account": self.account.pw_name, "other": self.other.pw_name, "jth": self.jth.pw_name,
                      "top": house.top, "spool": house.spool, "home": self.account.pw_dir,
                      "uid": self.account.pw_uid, "gid": self.account.pw_gid}
        self.folder = os.path.join(house.etc, "kvt.dk")
        self.tables = [house.path("postfix", n) for n in ("virtual", "virtual_regexp")]

    def build(self):
        h, a, home = self.h, self.account, self.account.pw_dir
        h.postfix.append("main.cf", MAIN.format(**self.words))
        os.mkdir(h.path("old"))
        program = write(h.path("old", "virtual"), PROGRAM.format(**self.words), 0o755)
        for folder in (self.folder, os.path.join(h.spool, "kvt.dk")):
            os.mkdir(folder, 0o700)
            os.chown(folder, a.pw_uid, a.pw_gid)
        write(os.path.join(home, "passwd"), PASSWD.format(**self.words), 0o700, a)
        os.symlink(os.path.join(home, "passwd"), os.path.join(self.folder, "passwd"))
        os.lchown(os.path.join(self.folder, "passwd"), a.pw_uid, a.pw_gid)
        for owner in (a, self.jth):
            os.mkdir(os.path.join(owner.pw_dir, "Mail"), 0o700)
            os.chown(os.path.join(owner.pw_dir, "Mail"), owner.pw_uid, owner.pw_gid)
        for name, text, mode in [
            (".forward", '|"exit 67"\n', 0o644),
            (".forward+abc--kvt.dk", f"|{program}\n", 0o644),
            (".forward+anna--kvt.dk", f"|{program}\n", 0o640),
            (".forward+kvt--kvt.dk", f"{home}/Mail/mailbox\n", 0o644),
            (".forward+proc--kvt.dk", f'"|IFS=\' \' && exec /usr/bin/tee -a {home}/Mail/sorted"\n', 0o600),
        ]:
            write(os.path.join(home, name), text, mode, a)
        write(os.path.join(h.spool, "kvt.dk", "abc"), "From old@example.org Fri Nov 20 10:00:00 2002\n\nold mail\n\n", 0o600, a)
        self.write_tables()

    def write_tables(self):
        write(self.tables[0], self.virtual.format(**self.words))
        write(self.tables[1], self.regexp.format(**self.words))
        self.postmap()

    def postmap(self):
        must(["/usr/sbin/postmap", "-c", self.h.postfix.config, "hash:" + self.tables[0]])

    def remove_line(self, printed):
        """Remove what one printed line `FILE:LINE: TEXT` names, exactly."""
        path, number, text = printed.split(":", 2)
        lines = read(path).decode().splitlines(keepends=True)
        if lines[int(number) - 1] != text[1:] + "\n":
            raise RuntimeError(f"{printed!r}: line {number} is {lines[int(number) - 1]!r}")
        del lines[int(number) - 1]
        write(path, "".join(lines))


class Stage:
    """A site of 2002, which every case gets as new; Postfix does not run."""

    def __init__(self):
        self.h = House(collect_log=False)
        self.site = Site(self.h)
        self.site.build()
        self.saved = self.h.path("saved")
        os.mkdir(self.saved, 0o700)
        must(["/usr/bin/cp", "-a", *[self.h.path(p) for p in PARTS], self.saved])

    def renew(self):
        for part in PARTS:
            shutil.rmtree(self.h.path(part))
        must(["/usr/bin/cp", "-a", *[os.path.join(self.saved, p) for p in PARTS], self.h.top])

    def tree(self, dates=True):
        return tree(*[self.h.path(p) for p in PARTS], dates=dates)

    def adopt(self, *args, domain="kvt.dk"):
        """Returns (exit status, the report or the sentence)."""
        r = self.h.admin("--json", "adopt", *args, domain)
        return r.returncode, json.loads(r.stdout) if r.returncode == 0 else r.stderr.decode()

    def table(self, name, text):
        write(self.h.path("postfix", name), text.format(**self.site.words))
        if name == "virtual":
            self.site.postmap()

    def set(self, **settings):
        """Change main.cf, and make it look old: Postfix's programs wait until it is a second old."""
        self.h.postfix.set(**settings)
        os.utime(self.h.path("postfix", "main.cf"), (1000000000, 1000000000))

    def chown_folder(self, uid, gid=0):
        os.chown(self.site.folder, uid, gid)


def tree(*tops, dates=True):
    """path → everything about each file and folder below: kind, mode, owner, content, and its date of change."""
    found = {}
    for top in tops:
        for folder, folders, names in os.walk(top):
            for path in [folder] + [os.path.join(folder, n) for n in names + folders]:
                st = os.lstat(path)
                text = os.readlink(path) if stat.S_ISLNK(st.st_mode) else read(path) if stat.S_ISREG(st.st_mode) else ""
                found[path] = (oct(st.st_mode), st.st_uid, st.st_gid, st.st_ino, text, st.st_mtime_ns if dates else 0)
    return found


def changed(before, after):
    return "\n".join(f"{p}: {before.get(p)} | {after.get(p)}" for p in sorted(set(before) | set(after)) if before.get(p) != after.get(p))
