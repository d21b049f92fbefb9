"""readers.py: what mail programs that nobody here wrote find in a mailbox: each gives the list of bodies."""
import crypt
import mailbox
import os
import pwd
import re
import shutil

import scratch
from scratch import must, write


def python_texts(path):
    """The whole messages, of an mbox or a Maildir, by the names of its files."""
    kind = mailbox.Maildir if os.path.isdir(path) else mailbox.mbox
    box = kind(path, create=False)
    found = [box.get_bytes(key) for key in sorted(box.keys())]
    box.close()
    return found


def by_python(path):
    return [text.partition(b"\n\n")[2] for text in python_texts(path)]


def by_mailutils(path):
    count = int(must(["/usr/bin/messages", "-s", path]))
    shown = [scratch.run(["/usr/bin/readmsg", "--no-header", "-f", path, str(n + 1)]).stdout for n in range(count)]
    # It shows the first fields all the same, where there are any, or else an empty line.
    return [s.partition(b"\n\n")[2] if s.startswith((b"Subject: ", b"A: ")) else s.removeprefix(b"\n") for s in shown]


def by_dovecot(path, field="body"):
    """doveadm on a copy, as root, with a configuration that has nothing of the host's. field: body, or text for all."""
    top, box = scratch.folder(), ""
    if os.path.isdir(path):
        box = scratch.must(["/usr/bin/cp", "-a", path, f"{top}/box"]) or f"{top}/box"
    else:
        box = shutil.copy(path, os.path.join(top, "box"))
    write(os.path.join(top, "conf"), f"base_dir = {top}/run\nstate_dir = {top}/run\nlog_path = /dev/stderr\nssl = no\n"
          f"mail_location = {f'maildir:{box}' if os.path.isdir(box) else f'mbox:{top}/mail:INBOX={box}'}\nmail_uid = {os.stat(path).st_uid}\nmail_gid = {os.stat(path).st_gid}\n"
          f"first_valid_uid = 1\nmbox_very_dirty_syncs = no\n")
    for name in ("run", "mail"):
        os.mkdir(os.path.join(top, name), 0o755)
    for name in ("", "mail", "box"):
        os.chown(os.path.join(top, name), os.stat(path).st_uid, os.stat(path).st_gid)

    def doveadm(*words):
        return scratch.run(["/usr/bin/doveadm", "-c", f"{top}/conf", *words], env={"HOME": top, "USER": "pvt"})
    status = doveadm("-f", "flow", "mailbox", "status", "messages", "INBOX")
    count = int((re.search(rb"messages=(\d+)", status.stdout) or [0, -1])[1])
    if count < 0:
        raise RuntimeError(status.stderr.decode())
    found = [doveadm("fetch", field, "mailbox", "INBOX", str(n + 1)).stdout for n in range(count)]
    return [f.partition(field.encode() + b":\n")[2].rstrip(b"\f\n") for f in found]


POP3_CONF = """mailbox {{ mailbox-pattern "{path}"; mailbox-type mbox; }};
"""


def by_pop3d(path):
    """The stock GNU pop3d on a copy, all messages in one session, as the mailbox's owner."""
    top, owner = scratch.folder(), pwd.getpwuid(os.stat(path).st_uid)
    box = shutil.copy(path, os.path.join(top, "box"))
    scratch._account_tool(["/usr/sbin/usermod", "-p", crypt.crypt("secret", "$5$salt"), owner.pw_name])
    write(os.path.join(top, "conf"), POP3_CONF.format(path=box))
    for name in ("", "box"):
        os.chown(os.path.join(top, name), owner.pw_uid, owner.pw_gid)

    def session(*commands):
        """The answers behind that to PASS."""
        lines = "".join(f"{c}\r\n" for c in (f"USER {owner.pw_name}", "PASS secret", *commands, "QUIT"))
        r = scratch.run(["/usr/sbin/pop3d", "--config-file", f"{top}/conf", "--inetd"], lines.encode())
        head, opened, rest = r.stdout.partition(b"+OK opened mailbox")
        if not opened:
            raise RuntimeError(f"{head!r} {r.stderr!r}")
        return rest.partition(b"\r\n")[2]
    count = int(session("STAT").split()[1])
    left, found = session(*(f"RETR {n + 1}" for n in range(count))), []
    for _ in range(count):
        message, _, left = left.removeprefix(b"+OK\r\n").partition(b"\r\n.\r\n")
        found.append(re.sub(rb"(?m)^\.", b"", message + b"\r\n").partition(b"\r\n\r\n")[2])
    return found


# name, the reader, and whether the quoting is left for us to undo
READERS = [("Python's mailbox", by_python, True), ("GNU mailutils", by_mailutils, False), ("Dovecot", by_dovecot, True),
           ("GNU pop3d", by_pop3d, False)]
